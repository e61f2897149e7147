"""Experts by noise level, and chosen for each token."""

import pytest
import torch

from worldsim.model import DiT, DiTConfig
from worldsim.model.conditioning import Conditioning
from worldsim.model.experts import ExpertsConfig, FeedForward, NoiseExperts, TokenExperts, rebalance


def tokens(frames: int = 3) -> torch.Tensor:
    return torch.randn(4, frames, 5, 16, generator=torch.Generator().manual_seed(0))


def test_noisy_samples_go_to_one_expert_and_the_rest_to_the_other() -> None:
    torch.manual_seed(0)
    layer = NoiseExperts(16, 4.0, ExpertsConfig(kind="noise", boundary=0.6))
    x = tokens()
    assert torch.equal(layer(x, torch.zeros(4, 3)), layer(x, torch.ones(4, 3)))  # both start alike
    torch.nn.init.normal_(layer.layout.proj_out.weight)
    level = torch.tensor([0.1, 0.6, 0.9, 0.59])[:, None].expand(-1, 3)
    out = layer(x, level)
    torch.testing.assert_close(out[[1, 2]], layer.layout(x[[1, 2]]))
    torch.testing.assert_close(out[[0, 3]], layer.detail(x[[0, 3]]))


def test_one_expert_for_all_tokens_is_a_plain_layer() -> None:
    layer = TokenExperts(16, 4.0, ExpertsConfig(kind="token", count=3, chosen=2)).eval()
    for expert in layer.experts:
        expert.load_state_dict(layer.experts[0].state_dict())
    plain = layer.experts[0]
    assert isinstance(plain, FeedForward)
    torch.testing.assert_close(layer(tokens(), torch.zeros(4, 3)), plain(tokens()))


def test_biases_even_out_the_load() -> None:
    torch.manual_seed(1)
    layer = TokenExperts(16, 4.0, ExpertsConfig(kind="token", count=4, rate=0.02)).train()
    with torch.no_grad():
        layer.router.weight[0] += 0.5 * tokens().mean((0, 1, 2)) + 1.0  # expert 0 is liked by far too many
    model = torch.nn.ModuleList([layer])
    x = tokens(40) + 1.0
    layer(x, torch.zeros(4, 40))
    first = float(layer.load.max() / layer.load.mean())
    for _ in range(200):
        layer(x, torch.zeros(4, 40))
        figures = rebalance(model)
    assert first > 2
    assert float(figures["expert_load"]) < 1.4
    assert -1 <= float(figures["expert_likeness"]) <= 1


def test_the_bias_chooses_and_does_not_weigh() -> None:
    torch.manual_seed(0)
    layer = TokenExperts(16, 4.0, ExpertsConfig(kind="token", count=2, chosen=1)).eval()
    x = tokens()
    layer.bias[1] = 10.0  # all tokens to expert 1, with its own small score
    score = torch.sigmoid(layer.router(x))[..., 1:]
    torch.testing.assert_close(layer(x, torch.zeros(4, 3)), score * layer.experts[1](x))


@pytest.mark.parametrize("kind", ["noise", "token"])
def test_transformers_with_experts_train(kind: str) -> None:
    torch.manual_seed(0)
    experts = ExpertsConfig(kind=kind, count=3)  # type: ignore[arg-type]
    dit = DiT(DiTConfig(latent_channels=4, depth=2, width=48, num_heads=2, text_buckets=32, experts=experts))
    latents, t = torch.randn(3, 4, 2, 4, 4), torch.tensor([[0.2] * 2, [0.9] * 2, [0.5] * 2])
    ids, mask = torch.ones(3, 2, dtype=torch.int64), torch.ones(3, 2, dtype=torch.bool)
    with torch.no_grad():
        for weight in dit.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    dit(
        latents, t, Conditioning.of_words(ids, mask, torch.ones(3, dtype=torch.int64), torch.full((3,), 16.0))
    ).square().mean().backward()
    parts = {name for name, weight in dit.named_parameters() if weight.grad is not None and weight.grad.any()}
    wanted = ("detail", "layout") if kind == "noise" else ("router", "experts")
    assert all(any(part in name for name in parts) for part in wanted)
    assert bool(rebalance(dit)) == (kind == "token")
