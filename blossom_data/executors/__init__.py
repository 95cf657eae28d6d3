"""Where shards are worked on: on this machine (local.py)."""
