"""The command line: each command parses its flags, calls one function and hands the result to output.py."""
