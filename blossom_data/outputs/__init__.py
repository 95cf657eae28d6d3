"""What stands in an output folder: whether it is whole, and what may take its place."""
