"""The translation protocol: what is masked, how a record becomes a document, how a reply is matched to it."""
