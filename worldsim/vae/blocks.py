"""The layers of the video VAE. Channels are last: "b t h w c"; that is how CPUs and tensor cores like it.

No layer but ``CausalTemporalConv`` mixes frames and none takes statistics over frames or places, so a long video can be
coded in pieces with the same result.
"""

import torch
from jaxtyping import Float
from torch import nn
from torch.nn import functional as F

Features = Float[torch.Tensor, "b t h w c"]


class SpatialConv(nn.Module):
    """A 3 × 3 convolution of every frame."""

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
        y = self.conv(x.flatten(0, 1).permute(0, 3, 1, 2))
        return y.permute(0, 2, 3, 1).unflatten(0, (batch, frames))


class CausalTemporalConv(nn.Module):
    """A convolution over three frames: this one and the two before it; the first frame stands in for those before."""

    REACH = 2

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.mix = nn.Linear((self.REACH + 1) * width_in, width_out)
        nn.init.zeros_(self.mix.bias)

    def forward(self, x: Features) -> Float[torch.Tensor, "b t h w d"]:
        """Return features of the same frames."""
        frames = x.shape[1]
        padded = torch.cat([x[:, :1].expand(-1, self.REACH, -1, -1, -1), x], dim=1)
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

    def forward(self, x: Features) -> Features:
        """Return refined features."""
        y = self.space(F.silu(self.norm_space(x)))
        return x + self.time(F.silu(self.norm_time(y)))
