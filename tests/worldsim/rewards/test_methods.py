"""What is minimised, against formulas and against small densities whose answer is known."""

import math

import pytest
import torch

from worldsim.rewards.methods import advantages, best_and_worst, dpo_loss, kept_by_filter, rvm_loss, sample_error

SHAPE = (4, 3, 5, 2, 2)


def drawn(seed: int) -> torch.Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_rvm_has_the_gradient_of_its_formula() -> None:
    v, u, ref = drawn(0).requires_grad_(), drawn(1), drawn(2)
    advantage = torch.tensor([0.3, -0.2, 0.0, 1.0], dtype=torch.float64)
    counts = torch.ones(4, 5, dtype=torch.bool)
    counts[:, 0] = False
    loss = rvm_loss(v, u, advantage, counts, ref, anchor=0.5)
    (gradient,) = torch.autograd.grad(loss, v)
    values = 4 * 3 * 4 * 2 * 2
    wanted = (advantage.view(-1, 1, 1, 1, 1) * (v - u) + 0.5 * (v - ref)) / values
    wanted[:, :, 0] = 0
    assert torch.allclose(gradient, wanted.detach(), atol=1e-15)


def test_without_advantage_nothing_moves() -> None:
    v = drawn(0).requires_grad_()
    counts = torch.ones(4, 5, dtype=torch.bool)
    loss = rvm_loss(v, drawn(1), torch.zeros(4, dtype=torch.float64), counts)
    assert loss.item() == 0.0
    assert torch.autograd.grad(loss, v)[0].abs().max() == 0.0
    assert torch.equal(advantages(torch.full((3, 4), 0.7)), torch.zeros(3, 4))


def test_advantages_share_one_spread() -> None:
    """A scene whose samples differ by a tenth of another's has a tenth of its advantage."""
    rewards = torch.tensor([[0.0, 1.0], [0.45, 0.55]], dtype=torch.float64)
    found = advantages(rewards)
    assert torch.allclose(found[0], -found[0].flip(0))
    assert torch.isclose(found[1, 1] / found[0, 1], torch.tensor(0.1, dtype=torch.float64))
    assert advantages(torch.tensor([[0.0] * 99 + [1.0]])).max() == pytest.approx(0.5)


def test_the_first_step_of_dpo_is_even() -> None:
    """Before the first update both errors are those of the frozen model: the ratio is 1 and the loss log 2."""
    error = torch.rand(6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    better = torch.tensor([True, False, False, True, True, False])
    assert dpo_loss(error, error, better, 100.0).item() == pytest.approx(math.log(2))
    lower = error - 0.01 * better
    assert dpo_loss(lower, error, better, 100.0).item() == pytest.approx(-math.log(1 / (1 + math.exp(-0.5))))


def test_the_filter_keeps_the_best_of_each_scene() -> None:
    rewards = torch.tensor([[0.1, 0.9, 0.5, 0.5], [0.2, 0.2, 0.2, 0.2]])
    kept = kept_by_filter(rewards, 0.5)
    assert kept.tolist() == [[False, True, True, False], [True, True, False, False]]
    assert kept_by_filter(rewards, 0.01).sum(1).tolist() == [1, 1]
    best, worst = best_and_worst(rewards)
    assert (best.tolist(), worst.tolist()) == ([1, 0], [0, 0])


def test_an_anchored_run_returns_to_its_anchor() -> None:
    reference, counts = drawn(3), torch.ones(4, 5, dtype=torch.bool)
    v = drawn(4).requires_grad_()
    start = float((v - reference).detach().norm())
    optimizer = torch.optim.SGD([v], lr=100.0)
    for _ in range(60):
        optimizer.zero_grad()
        rvm_loss(v, drawn(5), torch.zeros(4, dtype=torch.float64), counts, reference, anchor=1.0).backward()
        optimizer.step()
    assert float((v - reference).detach().norm()) < 0.01 * start


class Flow(torch.nn.Module):
    """A rectified flow of one number: an MLP of x_t and t."""

    def __init__(self) -> None:
        super().__init__()
        self.net = torch.nn.Sequential(
            torch.nn.Linear(2, 64), torch.nn.SiLU(), torch.nn.Linear(64, 64), torch.nn.SiLU(), torch.nn.Linear(64, 1)
        )

    def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return self.net(torch.stack([x.flatten(), t], 1)).view_as(x)

    @torch.no_grad()
    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor:
        x = torch.randn(count, 1, 1, 1, 1, generator=generator)
        for number in range(16):
            x = x - self(x, torch.full((count,), 1 - number / 16)) / 16
        return x


def test_mass_moves_to_the_rewarded_mode() -> None:
    """A flow of two equal modes at -1 and 1, rewarded for 1: RVM moves the mass, the anchor keeps its place.

    Without the anchor the mode is pushed from 1 to about 1.9, away from what is unlearned at -1.
    """
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    model, frozen = Flow(), Flow()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

    def update(x0: torch.Tensor, advantage: torch.Tensor | None) -> None:
        t, noise = torch.rand(len(x0), generator=generator), torch.randn(x0.shape, generator=generator)
        level = t.view(-1, 1, 1, 1, 1)
        x_t, u = (1 - level) * x0 + level * noise, noise - x0
        v, counts = model(x_t, t), torch.ones(len(x0), 1, dtype=torch.bool)
        with torch.no_grad():
            v_ref = frozen(x_t, t)
        loss = (
            sample_error(v, u, counts).mean() if advantage is None else rvm_loss(v, u, advantage, counts, v_ref, 0.02)
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    for _ in range(800):
        modes = torch.randint(0, 2, (256,), generator=generator) * 2.0 - 1
        noise = 0.1 * torch.randn(256, generator=generator)
        update((modes + noise).view(-1, 1, 1, 1, 1), None)
    before = model.sample(2000, generator)
    assert 0.4 < float((before > 0).float().mean()) < 0.6
    frozen.load_state_dict(model.state_dict())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(40):
        x0 = model.sample(256, generator)
        rewards = (x0.flatten() > 0).float().view(16, 16)
        for _ in range(4):
            update(x0, advantages(rewards).flatten())
    after = model.sample(2000, generator).flatten()
    assert float((after > 0).float().mean()) > 0.9
    assert abs(float(after[after > 0].median()) - 1) < 0.3
