"""The command that makes what is wanted of rows that no source reads, or that were to be records."""
