"""Drivers of `synthesize`: rounds of questions in which what is asked next depends on what was kept before."""
