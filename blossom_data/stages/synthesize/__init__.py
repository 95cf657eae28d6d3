"""Stages of `synthesize`: what a model is asked to make a new instruction, a chat, or a question about a text."""
