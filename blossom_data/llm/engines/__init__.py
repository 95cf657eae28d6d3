"""Local engines: start one, watch it, stop it at the end."""
