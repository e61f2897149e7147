"""The whole chain in one command, on two CPU cores: data, training, generation, scores, one page."""
