"""Learning rates, Muon and the average of the weights, against closed forms."""

import itertools
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from physics_data.core.errors import ConfigError
from worldsim.config import OptimizerConfig
from worldsim.families.planning import optimizer_bytes
from worldsim.training.optimizer import Muon, build_optimizers, learning_rate_factor, orthogonalise
from worldsim.training.state import WeightAverage


def test_the_rate_rises_and_falls() -> None:
    config = OptimizerConfig(warmup_steps=10, final_fraction=0.1)
    factors = [learning_rate_factor(step, 110, config) for step in range(111)]
    assert factors[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert factors[60] == pytest.approx(0.55)
    assert factors[110] == pytest.approx(0.1)
    assert all(a >= b for a, b in itertools.pairwise(factors[10:]))


@pytest.mark.parametrize("shape", [(3, 8, 20), (3, 20, 8)])
def test_singular_values_move_to_one_and_vectors_stay(shape: tuple[int, int, int]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    result = orthogonalise(matrices, 5)
    values = torch.linalg.svdvals(result)
    assert float(values.min()) > 0.6 and float(values.max()) < 1.3
    u, _, vh = torch.linalg.svd(matrices, full_matrices=False)
    rotated = u.mT @ result @ vh.mT
    assert torch.allclose(rotated - torch.diag_embed(rotated.diagonal(dim1=-2, dim2=-1)), torch.zeros(()), atol=1e-4)


def test_muon_moves_alike_alone_and_in_company() -> None:
    generator = torch.Generator().manual_seed(0)
    values = [torch.randn(6, 2, 3, 3, generator=generator) for _ in range(2)]
    gradients = [torch.randn(6, 2, 3, 3, generator=generator) for _ in range(2)]

    def moved(chosen: list[int]) -> list[torch.Tensor]:
        weights = [nn.Parameter(values[index].clone()) for index in chosen]
        for weight, index in zip(weights, chosen, strict=True):
            weight.grad = gradients[index]
        Muon(weights, 0.1).step()
        return [weight.detach() - values[index] for weight, index in zip(weights, chosen, strict=True)]

    together, alone = moved([0, 1]), [*moved([0]), *moved([1])]
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(together, alone, strict=True))
    assert float(together[0].square().mean().sqrt()) == pytest.approx(0.1 * 0.2, rel=0.25)


def test_every_weight_has_one_optimiser() -> None:
    model = nn.ModuleDict({"table": nn.Embedding(5, 4), "first": nn.Linear(4, 4), "body": nn.Conv3d(4, 4, 3)})
    optimizers = build_optimizers(model, OptimizerConfig(name="muon", adamw_for=("first",)))
    owned = [{id(w) for group in one.param_groups for w in group["params"]} for one in optimizers]
    assert owned[1] == {id(model["body"].weight)}
    assert owned[0] == {id(w) for w in model.parameters()} - owned[1]
    decayed = {id(w) for group in optimizers[0].param_groups for w in group["params"] if group["weight_decay"]}
    assert decayed == {id(model["table"].weight), id(model["first"].weight)}
    with pytest.raises(ConfigError, match="Did you mean 'first'"):
        build_optimizers(model, OptimizerConfig(name="muon", adamw_for=("frist",)))


def test_the_average_follows_its_closed_form() -> None:
    model = nn.Linear(1, 1, bias=False)
    average = WeightAverage(model, decay=0.5)
    expected = float(model.weight.detach())
    for step in range(30):
        with torch.no_grad():
            model.weight.fill_(float(step))
        average.update(model, step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    assert float(average.model.get_parameter("weight").detach()) == pytest.approx(expected, rel=1e-5)


class _Layer(nn.Module):
    """A matrix whose moments have 8 bits, and a vector whose moments do not."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.matrix = nn.Parameter(torch.randn(96, 64, generator=generator))
        self.vector = nn.Parameter(torch.randn(64, generator=generator))

    def train_by(self, optimizer: torch.optim.Optimizer, steps: range) -> None:
        """Move towards random values, the same for each step."""
        for step in steps:
            generator = torch.Generator().manual_seed(step)
            for weight in (self.matrix, self.vector):
                weight.grad = weight.detach() - 0.1 * torch.randn(weight.shape, generator=generator)
            optimizer.step()


def test_8_bit_moments_follow_adamw_take_what_is_planned_and_resume_to_the_bit(tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes", reason="8-bit moments need bitsandbytes (extra 'eight_bit')")
    config = OptimizerConfig(name="adamw_8bit", learning_rate=1e-2)
    plain, whole, half, again = _Layer(), _Layer(), _Layer(), _Layer()
    start = plain.matrix.detach().clone()
    (exact,) = build_optimizers(plain, config.model_copy(update={"name": "adamw"}))
    (small,) = build_optimizers(whole, config)
    plain.train_by(exact, range(40))
    whole.train_by(small, range(40))
    moved = (plain.matrix - start).norm()
    assert float((whole.matrix - plain.matrix).norm()) < 0.05 * float(moved)
    assert float((whole.vector - plain.vector).abs().max()) < 1e-5  # kept in 32 bits
    held = sum(
        value.nbytes
        for state in small.state.values()
        for name, value in state.items()
        if isinstance(value, torch.Tensor) and not name.startswith("qmap")
    )
    assert held == optimizer_bytes([whole.matrix.shape, whole.vector.shape], config.name)
    assert held < 0.3 * optimizer_bytes([whole.matrix.shape, whole.vector.shape], "adamw")
    (first,) = build_optimizers(half, config)
    half.train_by(first, range(15))
    torch.save(first.state_dict(), tmp_path / "optimizer.pt")
    again.load_state_dict(half.state_dict())
    (second,) = build_optimizers(again, config)
    second.load_state_dict(torch.load(tmp_path / "optimizer.pt", weights_only=True, map_location="cpu"))
    again.train_by(second, range(15, 40))
    assert torch.equal(again.matrix, whole.matrix)
    assert torch.equal(again.vector, whole.vector)


def test_8_bit_moments_say_what_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="the weights are on 'cpu'; write adamw_8bit"):
        build_optimizers(_Layer(), OptimizerConfig(name="paged_adamw_8bit"))
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(ConfigError, match=r"adamw_8bit needs bitsandbytes .* pip install .*eight_bit"):
        build_optimizers(_Layer(), OptimizerConfig(name="adamw_8bit"))
