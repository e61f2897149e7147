"""The video VAE: video to latents and back, whole or in pieces."""

from worldsim.vae.streaming import DecoderStream, EncoderStream
from worldsim.vae.vae_config import Stride, VideoVAEConfig
from worldsim.vae.video_vae import Posterior, VideoVAE

__all__ = ["DecoderStream", "EncoderStream", "Posterior", "Stride", "VideoVAE", "VideoVAEConfig"]
