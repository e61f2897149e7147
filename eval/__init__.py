"""Scores for folders of videos: object permanence and motion realism against simulated references."""
