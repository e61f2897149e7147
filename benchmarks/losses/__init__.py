"""Auxiliary losses on a small stage: what each one sees, and what it costs."""
