"""Several processes, on any machines, work on one run: each claims blocks of its input, whoever is left finishes."""
