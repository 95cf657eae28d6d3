"""Did it work? Scores of models on benchmarks, and what may be concluded from them."""
