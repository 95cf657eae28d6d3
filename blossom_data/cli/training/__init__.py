"""`blossom-data train` and its commands: training/pack.py is `blossom-data train pack`."""
