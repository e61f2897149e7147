"""Ablations: variants of one training config on the same clips, steps and noise, compared scene by scene."""
