"""The only part that talks to a model: an Ask goes out over the chat-completions protocol, a Reply comes back."""
