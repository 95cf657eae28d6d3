"""Lets the tests of all rooms of training import what lies beside this file."""
