"""Checks of a translation that go by scripts, measured lengths and short phrases, for any pair but English and Chinese."""
