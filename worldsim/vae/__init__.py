"""The video VAE: video to latents and back."""

from worldsim.vae.config import Stride, VideoVAEConfig
from worldsim.vae.posterior import Posterior
from worldsim.vae.video_vae import VideoVAE

__all__ = ["Posterior", "Stride", "VideoVAE", "VideoVAEConfig"]
