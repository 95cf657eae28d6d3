"""blossom-data: make one consistent, bilingual, verified SFT data set, and train on it."""

__version__ = "0.1.0"
