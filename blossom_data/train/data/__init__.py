"""From chats and pairs to packed sets, and which document goes into which step."""
