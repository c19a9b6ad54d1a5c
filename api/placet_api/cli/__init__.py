"""The command line: one file a command family, parser beside action. `main.py` is the only entry."""
