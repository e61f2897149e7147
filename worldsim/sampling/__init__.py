"""From prompts to videos."""

from worldsim.sampling.conditioning_frames import encode_frames, standing_still
from worldsim.sampling.drawing import Drawing
from worldsim.sampling.generate import denoise, generate
from worldsim.sampling.rollout import rollout

__all__ = [
    "Drawing",
    "denoise",
    "encode_frames",
    "generate",
    "rollout",
    "standing_still",
]
