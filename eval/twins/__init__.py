"""Does a model find what cannot happen less likely than its possible twin? One number per clip is enough to tell."""
