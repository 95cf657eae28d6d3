"""What can be seen without understanding: language, shape, damage, numbers."""
