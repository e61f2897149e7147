"""Small heads that read objects and their states from latents, and from the tokens of a transformer."""

from worldsim.probes.probes import PROBES, Latents, LatentSpace, Learns, Probes, ProbesConfig, Shares, frozen

__all__ = ["PROBES", "LatentSpace", "Latents", "Learns", "Probes", "ProbesConfig", "Shares", "frozen"]
