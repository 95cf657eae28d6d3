"""Commands to look at data and to find out what is wrong: diagnose/doctor.py is `blossom-data doctor`."""
