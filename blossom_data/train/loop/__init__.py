"""Stages, epochs and steps; what is measured, and the report of it."""
