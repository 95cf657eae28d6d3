"""Judges: what they are sent, how their verdicts are read, and what answers that speak to them say."""
