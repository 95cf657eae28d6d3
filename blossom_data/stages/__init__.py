"""Stages: one file each; a stage is a pure generator (see asks.py)."""
