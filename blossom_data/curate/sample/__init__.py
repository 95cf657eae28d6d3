"""The measure `sample`: K records of a set, drawn evenly or so that they cover what the set asks."""

from blossom_data.curate.sample.sample import Sample

__all__ = ["Sample"]
