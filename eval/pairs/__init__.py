"""Possible/impossible pairs: does a model find what cannot happen less likely? One number per clip is enough."""
