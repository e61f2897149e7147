"""The video generator: data, VAE, diffusion transformer, training and sampling."""
