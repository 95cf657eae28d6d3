"""Whether a record says an item of a test set; its questions are in stage.py."""
