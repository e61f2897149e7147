"""What a causal transformer keeps of the frames it has made, so that each is computed once."""

import torch
from jaxtyping import Float

from physics_data.core.errors import ConfigError

Heads = Float[torch.Tensor, "b h _ e"]


class LayerCache:
    """Keys and values of one layer.

    While ``keeps`` is False, new ones are read and forgotten: they are those of a frame that is still noisy.
    """

    def __init__(self) -> None:
        self.keeps = False
        self._key: Heads | None = None
        self._value: Heads | None = None

    def extend(self, key: Heads, value: Heads) -> tuple[Heads, Heads]:
        """Return the stored keys and values with the new ones behind them."""
        if self._key is not None and self._value is not None:
            key, value = torch.cat([self._key, key], dim=2), torch.cat([self._value, value], dim=2)
        if self.keeps:
            self._key, self._value = key, value
        return key, value

    def trim(self, first: int, last: int) -> None:
        """Keep the first and last so many tokens."""
        if self._key is None or self._value is None or self._key.shape[2] <= first + last:
            return
        self._key, self._value = (
            torch.cat([kept[:, :, :first], kept[:, :, kept.shape[2] - last :]], dim=2)
            for kept in (self._key, self._value)
        )


class FrameCache:
    """The past of a video that is made frame by frame.

    A window bounds memory and time for videos of any length; the first frames (sinks) stay, since attention leans on
    them. Positions are in seconds since the first frame and only differences count.

    Source: Xiao et al. (2023), Efficient streaming language models with attention sinks.
    """

    def __init__(self, num_layers: int, *, window: int | None = None, sinks: int = 1) -> None:
        """Start empty.

        Args:
            num_layers: blocks of the transformer
            window: latent frames that are kept beside the sinks; None = all
            sinks: first latent frames that are always kept
        """
        if window is not None and window < 1:
            raise ConfigError(f"a window of {window} latent frames remembers nothing; give at least 1, or none.")
        self.layers = [LayerCache() for _ in range(num_layers)]
        self.num_frames = 0
        """Latent frames made so far; the next one has this index."""
        self._window, self._sinks = window, sinks

    def keep(self, keeps: bool) -> None:
        """Say whether the next call of the transformer is to be remembered."""
        for layer in self.layers:
            layer.keeps = keeps

    def added(self, num_frames: int, tokens_per_frame: int) -> None:
        """Count frames that were remembered, and forget those that fell out of the window."""
        self.num_frames += num_frames
        if self._window is not None:
            for layer in self.layers:
                layer.trim(self._sinks * tokens_per_frame, self._window * tokens_per_frame)
