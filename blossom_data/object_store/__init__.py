"""Objects of a store (S3, Google Cloud Storage, Azure) in the place of files: read as paths, written on conditions.

    path_of("s3://bucket/sets/math")          a path; every reader of the house takes it
    path_of("sets/math")                      Path("sets/math")

paths.py says what is a URL and gives the path, stores.py finds the store and its credentials, objects.py asks it,
reading.py is the open object, faults.py says in a line what a store refused. Needs obstore (extra `objects`), which is
imported when the first URL is met.
"""

from __future__ import annotations

from blossom_data.object_store.paths import ObjectPath, is_url, path_of

__all__ = ["ObjectPath", "is_url", "path_of"]
