"""The processes of a run, the adapters that drive the model in them, and checkpoints."""
