"""What to do with rows that no source reads, or that were to be records: the command that makes what is wanted of them."""
