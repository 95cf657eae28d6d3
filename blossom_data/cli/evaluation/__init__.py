"""Commands that score models."""
