"""The physical-plausibility loss against the two losses that it replaced, written out as they were."""

from dataclasses import replace

import pytest
import torch

from physics_data.core.errors import UnknownNameError
from tests.worldsim.losses.auxiliary.stage import built, possible_and_impossible, predicted, trained_probes
from worldsim.losses.auxiliary import AUXILIARY, Prediction, excess, mean_where
from worldsim.losses.auxiliary.combination import AuxiliaryLosses
from worldsim.losses.auxiliary.physical_plausibility import PlausibilityTerm, in_world, residuals
from worldsim.probes import frozen
from worldsim.probes.state_probe import StateProbe, by_video_frame, misread, readable

MAX_NOISE = 0.6


@pytest.fixture(scope="module")
def prediction() -> Prediction:
    possible, impossible = zip(*(possible_and_impossible("wrong_g", index) for index in range(3)), strict=True)
    start = predicted(possible, impossible)
    level = torch.linspace(0.0, 0.9, start.level.numel()).view_as(start.level)  # given, clean, noisy and lost frames
    return replace(start, level=level)


def read(prediction: Prediction, latents: torch.Tensor) -> tuple[StateProbe, object]:
    probe = trained_probes(("states",)).of(StateProbe)
    return probe, frozen(probe, latents, prediction.true, prediction.labels["seen_share"])


def former_states(prediction: Prediction) -> torch.Tensor:
    labels = prediction.labels
    probe, true = read(prediction, prediction.true)
    _, shown = read(prediction, prediction.clean)
    wrong = excess(misread(shown, labels), misread(true, labels))  # type: ignore[arg-type]
    trust = by_video_frame((1 - prediction.level / MAX_NOISE).clamp_min(0) * (prediction.level > 0), 4)
    assert probe.temporal_factor == 4
    return mean_where(wrong, trust[:, None] * readable(labels))


def former_laws(prediction: Prediction) -> torch.Tensor:
    labels = prediction.labels
    true, shown = (
        residuals(in_world(read(prediction, latents)[1], labels), labels)  # type: ignore[arg-type]
        for latents in (prediction.true, prediction.clean)
    )
    trust = by_video_frame((1 - prediction.level / MAX_NOISE).clamp_min(0), 4)
    made = by_video_frame(prediction.level > 0, 4)
    total = torch.zeros(())
    for law, (values, holds) in shown.items():
        pairs = values.shape[-1]
        first, last = slice(0, pairs), slice(trust.shape[1] - pairs, None)
        weight = torch.minimum(trust[:, first], trust[:, last]) * (made[:, first] | made[:, last])
        weight = weight.view(len(weight), *[1] * (values.ndim - 2), pairs)
        total = total + mean_where(excess(values, true[law][0]), weight * holds)
    return total


@pytest.mark.parametrize(("states", "laws"), [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.5, 2.0)])
def test_the_terms_are_the_former_losses(prediction: Prediction, states: float, laws: float) -> None:
    loss, probes = built("physical_plausibility", state_factor=states, law_factor=laws)
    expected = states * former_states(prediction) + laws * former_laws(prediction)
    assert expected.item() > 0
    torch.testing.assert_close(loss(prediction, probes), expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("editor", ["teleport", "wrong_g"])
def test_each_term_sees_a_violation(editor: str) -> None:
    possible, impossible = zip(*(possible_and_impossible(editor, index) for index in range(4)), strict=True)
    for factors in ({"law_factor": 0.0}, {"state_factor": 0.0}):
        loss, probes = built("physical_plausibility", **factors)
        assert loss(predicted(possible, impossible), probes).item() > 0.05
        assert loss(predicted(possible, possible), probes).item() == 0.0


def test_a_loss_without_terms_and_the_former_names_are_refused() -> None:
    with pytest.raises(ValueError, match="both 0"):
        PlausibilityTerm(state_factor=0, law_factor=0)
    for former in ("states", "laws"):
        with pytest.raises(UnknownNameError, match="physical_plausibility"):
            AUXILIARY.check(former)
    assert AuxiliaryLosses({}).groups == ()
