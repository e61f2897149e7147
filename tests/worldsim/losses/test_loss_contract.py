"""What every loss in the table must do: be 0 at its target, above 0 elsewhere, and point back to it."""

from collections.abc import Callable

import pytest
import torch

from worldsim.losses import LOSSES

Inputs = dict[str, torch.Tensor]


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def at_target(name: str) -> tuple[Inputs, tuple[str, ...]]:
    """Return inputs where the loss should be 0, and which of them are predictions."""
    video = noise(2, 3, 4, 8, 8).clamp(-1, 1)
    weight = 1 + noise(2, 1, 4, 8, 8, seed=1).abs()
    picture = noise(2, 3, 2, 16, 16).clamp(-1, 1)
    zeros = torch.zeros(2, 4, 3, 5, 5)
    cases: dict[str, tuple[Inputs, tuple[str, ...]]] = {
        "charbonnier": ({"video": video.clone(), "target": video, "weight": weight}, ("video",)),
        "gradient": ({"video": video.clone(), "target": video, "weight": weight}, ("video",)),
        "perceptual": ({"video": picture.clone(), "target": picture}, ("video",)),
        "discriminator": (
            {"real_scores": torch.ones(2, 1, 3, 4, 4), "made_scores": -torch.ones(2, 1, 3, 4, 4)},
            ("real_scores", "made_scores"),
        ),
        "kl": ({"mean": zeros.clone(), "log_variance": zeros.clone()}, ("mean", "log_variance")),
        "flow_matching": (
            {
                "v_pred": noise(2, 4, 3, 5, 5),
                "v_target": noise(2, 4, 3, 5, 5),
                "frame_weight": torch.tensor([[0.0, 1, 1], [1, 1, 1]]),
            },
            ("v_pred",),
        ),
    }
    needs = LOSSES.get(name).info.needs
    if name not in cases and set(needs) <= {"video", "target", "weight"}:
        default = {"video": video.clone(), "target": video, "weight": weight}
        return {need: default[need] for need in needs}, ("video",)
    assert name in cases, f"the new loss '{name}' needs an example here"
    return cases[name]


def call(name: str, inputs: Inputs) -> torch.Tensor:
    loss: Callable[..., torch.Tensor] = LOSSES.get(name)()
    return loss(*(inputs[need] for need in LOSSES.get(name).info.needs))


@pytest.mark.parametrize("name", list(LOSSES))
class TestEveryLoss:
    def test_it_needs_what_the_example_has(self, name: str) -> None:
        inputs, predicted = at_target(name)
        assert set(LOSSES.get(name).info.needs) == set(inputs)
        assert set(predicted) <= set(inputs)
        assert LOSSES.get(name).info.source

    def test_it_is_zero_at_the_target(self, name: str) -> None:
        inputs, _ = at_target(name)
        assert abs(call(name, inputs).item()) < 1e-6

    def test_it_is_above_zero_elsewhere(self, name: str) -> None:
        inputs, predicted = at_target(name)
        for key in predicted:
            moved = {**inputs, key: inputs[key] + 0.3 * noise(*inputs[key].shape, seed=2)}
            assert call(name, moved).item() > 1e-3

    def test_the_gradient_points_back(self, name: str) -> None:
        inputs, predicted = at_target(name)
        for key in predicted:
            away = 0.3 * noise(*inputs[key].shape, seed=2)
            moved = (inputs[key] + away).requires_grad_()
            call(name, {**inputs, key: moved}).backward()
            assert moved.grad is not None
            assert (moved.grad * away).sum() > 0

    def test_downhill_is_downhill(self, name: str) -> None:
        inputs, predicted = at_target(name)
        for key in predicted:
            moved = (inputs[key] + 0.3 * noise(*inputs[key].shape, seed=2)).requires_grad_()
            before = call(name, {**inputs, key: moved})
            before.backward()
            assert moved.grad is not None
            lower = moved.detach() - 1e-2 * moved.grad / moved.grad.norm()
            assert call(name, {**inputs, key: lower}) < before

    def test_it_is_one_finite_number(self, name: str) -> None:
        inputs, _ = at_target(name)
        assert call(name, inputs).shape == ()
