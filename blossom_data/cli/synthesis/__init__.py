"""The commands of `synthesize`."""
