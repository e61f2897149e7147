"""What scenarios share: their contract and settings, the parts of their scenes, their measurements."""
