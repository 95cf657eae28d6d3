"""Stage `classify`: what a record asks for, as tags."""
