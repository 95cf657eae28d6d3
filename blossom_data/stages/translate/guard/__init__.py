"""What makes a translation acceptable: small pure checks, each with a code, hard or soft.

Start at registry.py (all checks, in run order) and finding.py (what a check is given, and what it finds).
"""
