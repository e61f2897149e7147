"""Feed-forward layers of several experts: by noise level, or chosen for each token."""

from collections.abc import Callable
from typing import Annotated, Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import nn
from torch.distributed.tensor import DTensor
from torch.nn import functional as F

from physics_data.core.config import StrictModel

Tokens = Float[torch.Tensor, "b t s d"]


class ExpertsConfig(StrictModel):
    """How the feed-forward layers of a transformer are divided among experts.

    kind:       ``noise``: two experts, one for samples noisier than ``boundary`` and one for the rest; each step costs
                what one costs. ``token``: each token is sent to the ``chosen`` best of ``count`` experts
    boundary:   ``noise`` only; t of the noisiest latent frame of a sample
    count:      ``token`` only
    chosen:     ``token`` only
    every:      ``token`` only; every so many blocks have experts, the others one layer. The first block has one layer
    rate:       ``token`` only; by how much the bias of an expert moves in one update
    """

    kind: Literal["noise", "token"]
    boundary: Annotated[float, Field(gt=0, lt=1)] = 0.7
    count: Annotated[int, Field(ge=2)] = 4
    chosen: Annotated[int, Field(ge=1)] = 1
    every: Annotated[int, Field(ge=2)] = 2
    rate: Annotated[float, Field(gt=0)] = 1e-2


class FeedForward(nn.Module):
    """Two layers with a gate; the hidden width is 2/3 of the ungated one, so the cost is the same.

    Source: Shazeer (2020), GLU variants improve transformer.
    """

    def __init__(self, width: int, ratio: float) -> None:
        super().__init__()
        hidden = max(round(width * ratio * 2 / 3 / 32), 1) * 32
        self.proj_in = nn.Linear(width, 2 * hidden)
        self.proj_out = nn.Linear(hidden, width)
        nn.init.zeros_(self.proj_in.bias)
        nn.init.zeros_(self.proj_out.bias)

    def forward(self, x: Float[torch.Tensor, "*n d"]) -> Float[torch.Tensor, "*n d"]:
        """Return refined tokens."""
        value, gate = self.proj_in(x).chunk(2, dim=-1)
        return self.proj_out(value * F.silu(gate))


class NoiseExperts(nn.Module):
    """One feed-forward layer for noisy samples, where the layout is decided, and one for detail.

    Source: Wan team (2025), Wan2.2 (two experts with a boundary in noise level), here for feed-forward layers alone.
    """

    def __init__(self, width: int, ratio: float, config: ExpertsConfig) -> None:
        super().__init__()
        self.boundary = config.boundary
        self.detail = FeedForward(width, ratio)
        self.layout = FeedForward(width, ratio)
        self.layout.load_state_dict(self.detail.state_dict())

    def forward(self, x: Tokens, level: Float[torch.Tensor, "b t"]) -> Tokens:
        """Return refined tokens; ``level`` is the t of the noisiest frame of the sample that a token belongs to."""
        noisy = level >= self.boundary
        if noisy.all():
            return self.layout(x)
        if not noisy.any():
            return self.detail(x)
        out = torch.empty_like(x)
        out[noisy] = self.layout(x[noisy])
        out[~noisy] = self.detail(x[~noisy])
        return out


class TokenExperts(nn.Module):
    """Each token is refined by the experts that a linear router likes best for it.

    The choice adds a bias to each expert's score, which ``rebalance`` raises where too few tokens came and lowers where
    too many did, so the load evens out without a loss that disturbs training. The weights of the chosen experts come
    from the scores without bias.

    Source: Wang et al. (2024), Auxiliary-loss-free load balancing strategy for mixture-of-experts.
    """

    bias: Float[torch.Tensor, "e"]
    load: Float[torch.Tensor, "e"]

    def __init__(self, width: int, ratio: float, config: ExpertsConfig) -> None:
        super().__init__()
        self.chosen = min(config.chosen, config.count)
        self.rate = config.rate
        self.router = nn.Linear(width, config.count, bias=False)
        self.experts = nn.ModuleList(FeedForward(width, ratio) for _ in range(config.count))
        nn.init.normal_(self.router.weight, std=width**-0.5)
        self.register_buffer("bias", torch.zeros(config.count))
        self.register_buffer("load", torch.zeros(config.count), persistent=False)

    def forward(self, x: Tokens, level: Float[torch.Tensor, "b t"]) -> Tokens:
        """Return refined tokens; the noise level is in the tokens already."""
        tokens = x.flatten(0, 2)
        score = torch.sigmoid(self.router(tokens).float())
        picked: Int64[torch.Tensor, "n k"] = (score + self.bias).topk(self.chosen, dim=-1).indices
        weight = score.gather(1, picked)
        weight = (weight / weight.sum(-1, keepdim=True) if self.chosen > 1 else weight).to(x.dtype)
        if self.training:
            # The load is set, not summed, so a second pass for gradient checkpointing changes nothing.
            self.load = torch.bincount(picked.flatten(), minlength=len(self.experts)).to(self.bias)
        out = torch.zeros_like(tokens)
        for number, expert in enumerate(self.experts):
            token, slot = (picked == number).nonzero(as_tuple=True)
            if len(token):
                out = out.index_add(0, token, weight[token, slot, None] * expert(tokens[token]))
        return out.view_as(x)

    @torch.no_grad()
    def rebalance(self) -> None:
        """Move each bias by ``rate`` towards an even load; call once after each update of the weights."""
        self.bias += self.rate * torch.sign(self.load.mean() - self.load)


@torch.no_grad()
def rebalance(
    model: nn.Module, total: Callable[[torch.Tensor], torch.Tensor] = lambda load: load
) -> dict[str, torch.Tensor]:
    """Even out all routers of a model after an update, and return what tells of a collapse; empty without routers.

    ``total`` sums the loads over processes that share a batch, so that all move the biases alike.

    expert_load:        largest share of tokens of one expert times the number of experts, worst layer; 1 = even
    expert_likeness:    largest cosine between two experts' directions in a router, worst layer; 1 = the same expert
    """
    layers = [module for module in model.modules() if isinstance(module, TokenExperts)]
    if not layers:
        return {}
    loads, likeness = [], []
    for layer in layers:
        layer.load = total(layer.load)
        layer.rebalance()
        loads.append(layer.load.max() / layer.load.mean().clamp_min(1e-9))
        weight = layer.router.weight
        direction = F.normalize((weight.full_tensor() if isinstance(weight, DTensor) else weight).float(), dim=-1)
        cosine = direction @ direction.T - 2 * torch.eye(len(direction), device=direction.device)
        likeness.append(cosine.max())
    return {"expert_load": torch.stack(loads).max(), "expert_likeness": torch.stack(likeness).max()}
