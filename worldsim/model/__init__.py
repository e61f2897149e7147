"""The diffusion transformer."""

from worldsim.model.config import SIZES, DiTConfig, named_size
from worldsim.model.dit import DiT

__all__ = ["SIZES", "DiT", "DiTConfig", "named_size"]
