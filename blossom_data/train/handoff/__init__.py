"""What becomes of a trained model: export, merge, GGUF, and a chat with it."""
