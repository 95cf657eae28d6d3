"""The network that is trained: attention, losses, LoRA, generation, and the folders that models come in."""
