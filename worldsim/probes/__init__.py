"""Small heads that read objects and their states from latents."""

from worldsim.probes.probes import PROBES, Latents, LatentSpace, Probes, ProbesConfig, Shares, frozen

__all__ = ["PROBES", "LatentSpace", "Latents", "Probes", "ProbesConfig", "Shares", "frozen"]
