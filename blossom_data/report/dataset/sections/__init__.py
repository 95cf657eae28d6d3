"""The sections of the page of a data set; each gives what it has to show, or nothing."""
