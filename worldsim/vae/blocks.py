"""The layers of the video VAE. Channels are last: "b t h w c"; that is how CPUs and tensor cores like it.

No layer but ``CausalTemporalConv`` mixes frames and none takes statistics over frames or places, so a long video can be
coded in pieces, and a large one in tiles, with the same result.
"""

import torch
from jaxtyping import Float
from torch import nn
from torch.nn import functional as F

Features = Float[torch.Tensor, "b t h w c"]


class Memory:
    """What a stream keeps between its pieces: the last frames that went into each temporal layer."""

    def __init__(self) -> None:
        self.started = False
        """Whether a piece went through; the first frame of a video has a latent frame to itself."""
        self._past: dict[nn.Module, Features] = {}

    def past(self, layer: nn.Module) -> Features | None:
        """Return the last frames that went into a layer; None before the first piece."""
        return self._past.get(layer)

    def keep(self, layer: nn.Module, frames: Features) -> None:
        """Store a copy, so that the rest of the piece can be freed."""
        self._past[layer] = frames.clone()

    @property
    def num_bytes(self) -> int:
        """Memory that the stored frames take."""
        return sum(frames.numel() * frames.element_size() for frames in self._past.values())


class SpatialConv(nn.Module):
    """A 3 × 3 convolution of every frame; a frame's result does not depend on how many there are.

    On CPUs that takes a word: torch computes small batches with another routine, whose sums are rounded differently.
    """

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width_in, width_out, kernel_size=3, padding=1)
        with torch.no_grad():
            self.conv.weight.data = self.conv.weight.contiguous(memory_format=torch.channels_last)
            assert self.conv.bias is not None
            self.conv.bias.zero_()

    def forward(self, x: Features) -> Float[torch.Tensor, "b t h w d"]:
        """Return features of the same frames."""
        batch, frames = x.shape[:2]
        pictures = x.flatten(0, 1).permute(0, 3, 1, 2)
        if pictures.device.type == "cpu" and torch.backends.mkldnn.is_available():
            weight, bias = self.conv.weight.to(x.dtype), self.conv.bias
            bias = None if bias is None else bias.to(x.dtype)
            y = torch.ops.aten.mkldnn_convolution(pictures, weight, bias, [1, 1], [1, 1], [1, 1], 1)
        else:
            y = self.conv(pictures)
        return y.permute(0, 2, 3, 1).unflatten(0, (batch, frames))


class CausalTemporalConv(nn.Module):
    """A convolution over three frames: this one and the two before it; the first frame stands in for those before."""

    REACH = 2

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.mix = nn.Linear((self.REACH + 1) * width_in, width_out)
        nn.init.zeros_(self.mix.bias)

    def forward(self, x: Features, memory: Memory | None = None) -> Float[torch.Tensor, "b t h w d"]:
        """Return features of the same frames; with a memory they follow on those of the piece before."""
        frames = x.shape[1]
        past = None if memory is None else memory.past(self)
        if past is None:
            past = x[:, :1].expand(-1, self.REACH, -1, -1, -1)
        padded = torch.cat([past, x], dim=1)
        if memory is not None:
            memory.keep(self, padded[:, -self.REACH :])
        return self.mix(torch.cat([padded[:, i : i + frames] for i in range(self.REACH + 1)], dim=-1))


class ResidualBlock(nn.Module):
    """Norm, convolution in space, norm, convolution in time, added to the input; starts as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm_space = nn.RMSNorm(width, eps=1e-6)
        self.space = SpatialConv(width, width)
        self.norm_time = nn.RMSNorm(width, eps=1e-6)
        self.time = CausalTemporalConv(width, width)
        nn.init.zeros_(self.time.mix.weight)

    def forward(self, x: Features, memory: Memory | None = None) -> Features:
        """Return refined features."""
        y = self.space(F.silu(self.norm_space(x)))
        return x + self.time(F.silu(self.norm_time(y)), memory)


class Blocks(nn.Sequential):
    """Residual blocks in a row."""

    def __init__(self, width: int, count: int) -> None:
        super().__init__(*(ResidualBlock(width) for _ in range(count)))

    def forward(self, x: Features, memory: Memory | None = None) -> Features:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return refined features."""
        for block in self:
            x = block(x, memory)
        return x
