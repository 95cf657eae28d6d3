"""A chat: who answers, piece by piece, and what became of it as a record."""
