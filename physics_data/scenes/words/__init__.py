"""Scenes from words: a parser over YAML tables, a planner, and a check in simulation that what is said happens."""
