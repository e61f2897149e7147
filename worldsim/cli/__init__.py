"""``python -m worldsim``: one file for each command."""
