"""Small heads that read objects and their states from latents, and from the tokens of a transformer."""

from worldsim.probes.base import Latents, LatentSpace, Learns, Shares
from worldsim.probes.config import ProbesConfig
from worldsim.probes.probes import PROBES, Probes, frozen

__all__ = ["PROBES", "LatentSpace", "Latents", "Learns", "Probes", "ProbesConfig", "Shares", "frozen"]
