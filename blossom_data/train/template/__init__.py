"""How a chat is written for a model family, as text and as ids with a loss mask; and what a template must pass."""
