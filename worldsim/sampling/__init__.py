"""From prompts to videos."""

from worldsim.sampling.drawing import Drawing
from worldsim.sampling.generate import denoise, generate
from worldsim.sampling.rollout import encode_frames, rollout, standing_still

__all__ = [
    "Drawing",
    "denoise",
    "encode_frames",
    "generate",
    "rollout",
    "standing_still",
]
