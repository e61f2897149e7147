"""From prompts to videos."""

from worldsim.sampling.generate import denoise, generate
from worldsim.sampling.rollout import encode_frames, rollout, standing_still
from worldsim.sampling.sampling_config import SamplingConfig

__all__ = [
    "SamplingConfig",
    "denoise",
    "encode_frames",
    "generate",
    "rollout",
    "standing_still",
]
