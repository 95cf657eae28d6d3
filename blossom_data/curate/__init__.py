"""What looks at a whole set before money is spent on it, or before it is trained on; pure: sets in, measures out."""
