"""The diffusion transformer."""

from worldsim.model.dit import DiT
from worldsim.model.model_config import SIZES, DiTConfig, named_size

__all__ = ["SIZES", "DiT", "DiTConfig", "named_size"]
