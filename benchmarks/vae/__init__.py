"""How well and how fast the video VAE codes, beside other causal video VAEs trained from scratch in the same run."""
