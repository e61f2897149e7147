"""What classical annotators share."""

from physics_data.core.errors import ConfigError


def refuse_weights(annotator: str, weights: str | None) -> None:
    """Check that no weights are given to an annotator that has none.

    Raises:
        ConfigError: some are given.
    """
    if weights is not None:
        raise ConfigError(f"annotator '{annotator}' computes and has no weights; leave --weights {weights} out.")
