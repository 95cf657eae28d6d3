"""Publishing: immutable versions of a data set, the link `current`, retention, differences, and the push to a hub.

    data/chat/2026-01-31T030000Z-ab12cd34/   part-00000.parquet ... README.md manifest.json
    data/chat/current -> 2026-01-31T030000Z-ab12cd34

versions.py puts a version in place, retention.py and replies.py take away what is old, diff.py tells two versions
apart, push.py copies one to a hub. Nothing here asks a model, and nothing outside ROOT/NAME is written.
"""
