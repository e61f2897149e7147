"""From prompts to videos."""

from worldsim.sampling.generate import generate

__all__ = ["generate"]
