"""What people look at: the card of a data set and the summary of a run."""
