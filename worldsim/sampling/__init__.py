"""From prompts to videos."""

from worldsim.sampling.drawing import Drawing
from worldsim.sampling.generate import denoise, generate
from worldsim.sampling.given import Given, encode_given, standing_still
from worldsim.sampling.rollout import Story, rollout

__all__ = [
    "Drawing",
    "Given",
    "Story",
    "denoise",
    "encode_given",
    "generate",
    "rollout",
    "standing_still",
]
