"""What makes a translation or an answer acceptable: small pure checks, each with a code, hard or soft.

Start at registry.py (all checks of a translation, in run order), pairs.py (whole texts) and annotation.py (answers).
"""
