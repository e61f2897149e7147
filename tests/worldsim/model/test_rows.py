"""Packed samples against the same samples one at a time."""

import pytest
import torch

from worldsim.model import DiT, DiTConfig
from worldsim.model.conditioning import Conditioning

CONFIG = DiTConfig(
    latent_channels=4, temporal_factor=4, patch_size=2, depth=3, width=48, num_heads=2, text_buckets=32, text_every=2
)
SHAPES = ((3, 4, 4), (1, 6, 2), (5, 2, 8), (2, 4, 6))


@pytest.fixture(
    scope="module",
    params=[
        {"prediction": "balanced"},
        {"prediction": "x0"},
        {"prediction": "v"},
        {"causal": True, "num_registers": 2},
    ],
)
def dit(request: pytest.FixtureRequest) -> DiT:
    torch.manual_seed(0)
    model = DiT(CONFIG.model_copy(update=request.param)).double()
    with torch.no_grad():
        for weight in model.parameters():  # a new transformer is the identity, which hides faults
            weight.add_(0.1 * torch.randn_like(weight))
    return model


def samples() -> dict[str, list[torch.Tensor] | torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    latents = [torch.randn(4, *shape, generator=generator, dtype=torch.float64) for shape in SHAPES]
    t = [torch.rand(shape[0], generator=generator, dtype=torch.float64) for shape in SHAPES]
    ids = torch.randint(0, 32, (4, 5), generator=generator)
    mask = torch.tensor([[True] * 5, [False] * 5, [True] * 2 + [False] * 3, [True] * 4 + [False]])
    rate = torch.tensor([16.0, 8.0, 24.0, 16.0], dtype=torch.float64)
    return {"latents": latents, "t": t, "ids": ids, "mask": mask, "domain": torch.tensor([1, 2, 0, 1]), "rate": rate}


def alone(dit: DiT, given: dict) -> list[torch.Tensor]:
    found = []
    for i in range(len(SHAPES)):
        rest = Conditioning.of_words(*(given[name][i : i + 1] for name in ("ids", "mask", "domain", "rate")))
        found.append(dit(given["latents"][i][None], given["t"][i][None], rest)[0])
    return found


def packed(dit: DiT, given: dict) -> list[torch.Tensor]:
    rest = Conditioning.of_words(*(given[name] for name in ("ids", "mask", "domain", "rate")))
    return dit.forward_packed(given["latents"], given["t"], rest)


def test_values_are_those_of_each_sample_alone(dit: DiT) -> None:
    given = samples()
    for one, other in zip(packed(dit, given), alone(dit, given), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_gradients_do_not_depend_on_the_packing(dit: DiT) -> None:
    gradients = []
    for run in (packed, alone):
        dit.zero_grad()
        sum(v.square().sum() for v in run(dit, samples())).backward()
        gradients.append({name: weight.grad for name, weight in dit.named_parameters()})
    for name, gradient in gradients[0].items():
        assert gradient is not None and torch.isfinite(gradient).all(), name
        torch.testing.assert_close(gradient, gradients[1][name], rtol=1e-7, atol=1e-7, msg=name)


def test_no_sample_reads_another(dit: DiT) -> None:
    given = samples()
    before = packed(dit, given)
    given["latents"][0] = given["latents"][0] + 3.0
    given["ids"][0] += 1
    after = packed(dit, given | {"ids": given["ids"] % 32})
    assert not torch.allclose(before[0], after[0])
    for one, other in zip(before[1:], after[1:], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
