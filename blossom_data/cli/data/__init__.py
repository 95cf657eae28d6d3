"""Commands that bring data in and blend it: blossom_data/cli/data/pull.py is `blossom-data pull`."""
