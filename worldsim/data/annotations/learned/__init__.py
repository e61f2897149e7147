"""Annotators with learned weights: thin, each around a published model, whose package and weights are asked for."""
