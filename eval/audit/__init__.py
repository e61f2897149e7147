"""Audit videos without any reference: do things stay, and do they move as things do."""
