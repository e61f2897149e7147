"""Public video models behind ``worldsim.generator.VideoGenerator``: one module a family, over diffusers."""
