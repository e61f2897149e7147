"""What every auxiliary loss that judges a predicted clip must do; a new one needs a line in ``cases.py``."""

from dataclasses import replace

import pytest
import torch

from tests.worldsim.losses.auxiliary.cases import CASES
from tests.worldsim.losses.auxiliary.stage import (
    SPACE,
    built,
    lawful_clips,
    possible_and_impossible,
    predicted,
    trained_probes,
)
from worldsim.data.latent_labels import LatentLabels
from worldsim.losses.auxiliary import AUXILIARY, Prediction

names = pytest.mark.parametrize("name", sorted(CASES))
INDICES = range(4)


def judged(name: str, prediction: Prediction, seed: int = 0) -> torch.Tensor:
    loss, probes = built(name, **CASES[name].settings)
    return loss(prediction, probes if seed == 0 else trained_probes(loss.probes, seed))


def test_every_loss_is_tested() -> None:
    assert set(CASES) == set(AUXILIARY), "a new loss needs a line in cases.py"
    for name in CASES:
        kind = AUXILIARY.get(name)
        assert kind.source and kind.needs and (kind.__doc__ or "").strip()


@names
def test_the_truth_is_the_floor(name: str) -> None:
    clips = lawful_clips()[:8]
    assert judged(name, predicted(clips, clips)).item() <= CASES[name].floor


@pytest.mark.parametrize(
    ("name", "editor"), [(name, editor) for name in sorted(CASES) for editor in CASES[name].editors]
)
def test_a_violation_costs(name: str, editor: str) -> None:
    possible, impossible = zip(*(possible_and_impossible(editor, index) for index in INDICES), strict=True)
    wrong = judged(name, predicted(possible, impossible)).item()
    true = judged(name, predicted(possible, possible)).item()
    assert wrong >= true + CASES[name].margin


@names
def test_gradients_lead_back(name: str) -> None:
    possible, impossible = zip(
        *(possible_and_impossible(CASES[name].downhill, index) for index in INDICES), strict=True
    )
    start = predicted(possible, impossible)
    moved = start.clean.clone().requires_grad_()
    optimizer = torch.optim.Adam([moved], lr=0.05)
    for _ in range(15):
        optimizer.zero_grad()
        judged(name, replace(start, clean=moved)).backward()
        optimizer.step()
    after = replace(start, clean=moved.detach())
    assert judged(name, after).item() < 0.5 * judged(name, start).item()
    # Probes that learned from another start agree: what was undone is the violation, not the reading of one probe.
    assert not CASES[name].agrees or judged(name, after, seed=1).item() < 0.8 * judged(name, start, seed=1).item()


@names
def test_without_labels_nothing_is_judged(name: str) -> None:
    clips = lawful_clips()[:2]
    noise = torch.randn(2, SPACE.channels, 5, 8, 8, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss = judged(name, replace(predicted(clips, clips), clean=noise, labels=LatentLabels({}, {})))
    loss.backward()
    assert loss.item() == 0.0
    assert noise.grad is not None
    assert not noise.grad.any()


@names
def test_clips_without_labels_beside_others_do_not_count(name: str) -> None:
    clips = lawful_clips()[:2]
    noise = torch.randn(2, SPACE.channels, 5, 8, 8, generator=torch.Generator().manual_seed(0)).requires_grad_()
    both = replace(predicted(clips, clips), clean=noise)
    some = {group: torch.tensor([True, False]) for group in both.labels.present}
    judged(name, replace(both, labels=LatentLabels(both.labels.arrays, some))).backward()
    assert noise.grad is not None
    assert noise.grad[0].any()
    assert not noise.grad[1].any()


@names
@pytest.mark.parametrize("level", [0.0, 1e-4, 0.3, 0.59, 0.6, 0.9, 1.0])
def test_finite_at_every_noise_level(name: str, level: float) -> None:
    clips = lawful_clips()[:4]
    clean = 3 * torch.randn(4, SPACE.channels, 5, 8, 8, generator=torch.Generator().manual_seed(1))
    clean.requires_grad_()
    loss = judged(name, replace(predicted(clips, clips, level), clean=clean))
    loss.backward()
    assert clean.grad is not None
    assert loss.isfinite()
    assert clean.grad.isfinite().all()
    if level >= 0.6:  # the default of max_noise
        assert loss.item() == 0.0
        assert not clean.grad.any()


@names
def test_probes_are_not_trained_by_predictions(name: str) -> None:
    loss, probes = built(name, **CASES[name].settings)
    possible, impossible = possible_and_impossible(CASES[name].downhill)
    start = predicted([possible], [impossible])
    clean = start.clean.requires_grad_()
    try:
        probes.requires_grad_(True)
        loss(replace(start, clean=clean), probes).backward()
        assert all(weight.grad is None for weight in probes.parameters())
    finally:
        probes.requires_grad_(False)
    assert clean.grad is not None
    assert clean.grad.any()
