"""What must not be shown: keys, and the passwords of URLs."""
