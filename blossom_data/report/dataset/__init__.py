"""The report of a data set: what one reading of it finds, and the page that tells it."""
