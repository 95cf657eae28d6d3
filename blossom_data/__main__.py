"""`python -m blossom_data` is `blossom-data`."""

from blossom_data.cli.app import main

main()
