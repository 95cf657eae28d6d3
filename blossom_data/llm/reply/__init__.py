"""What stands in a reply beside its answer: thinking, template tokens, signs that are no text, vendors' spellings."""
