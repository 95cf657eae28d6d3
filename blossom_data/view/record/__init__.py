"""One record as people read it: its turns beside their originals, what differs, and how the texts came about."""
