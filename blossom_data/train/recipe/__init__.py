"""The recipe file, and what it names: models of the hub and their pinned revisions."""
