"""Commands about published versions: versions/publish.py is `blossom-data publish`."""
