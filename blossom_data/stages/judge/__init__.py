"""Stage `judge`: what a second model thinks of an answer, as a number."""
