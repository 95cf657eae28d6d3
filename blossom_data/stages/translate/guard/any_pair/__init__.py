"""Checks by scripts, measured lengths and short phrases, for every pair of languages but English and Chinese."""
