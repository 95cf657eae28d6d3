"""Versions in an object store, which has no rename and no lock: conditional writes take their place.

    s3://bucket/data/math/2026-01-31T030000Z-ab12cd34/   part-00000.parquet ... README.md, manifest.json last
    s3://bucket/data/math/current                        {"version": "2026-01-31T...", "serial": 7, "pins": [], ...}

state.py is the one object that changes, versions.py publishes, retention.py takes away what is old.
"""
