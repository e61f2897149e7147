"""The two losses that do not judge a predicted clip: twins are contrasted, tokens are aligned."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.worldsim.losses.auxiliary.stage import SPACE, folded, labels_of, lawful_clips, predicted, twins
from worldsim.data.latent_labels import LatentLabels
from worldsim.losses.auxiliary.alignment import AlignmentTerm, RepresentationAlignment
from worldsim.losses.auxiliary.mix import Twins
from worldsim.losses.auxiliary.twin_contrast import TwinContrast, TwinContrastTerm
from worldsim.losses.denoising import DiTObjective
from worldsim.probes import Probes, ProbesConfig
from worldsim.probes.teacher import TEACHER_CHANNELS, teacher_maps

CONDITIONS = (torch.ones(1, 4), torch.ones(1, 4), torch.ones(1), torch.ones(1))


def contrast(margin: float = 0.1) -> TwinContrast:
    return TwinContrast(TwinContrastTerm(twins=Path("unused"), margin=margin))


def pair(editor: str = "vanish") -> Twins:
    possible, impossible = (folded(clip)[None] for clip in twins(editor))
    return Twins(possible, impossible, CONDITIONS)


class Oracle:
    """Predicts the v of one known clip, whatever it is shown: it errs in a clip by how far that is from this one."""

    def __init__(self, known: torch.Tensor) -> None:
        self.known = known

    def __call__(self, x_t: torch.Tensor, t: torch.Tensor, *told: Any) -> torch.Tensor:
        level = t[:, None, :, None, None]
        noise = (x_t[:1] - (1 - level[:1]) * self.known) / level[:1]
        return 1.01 * (noise - self.known).expand_as(x_t)


def value(dit: Any, both: Twins, margin: float = 0.1) -> torch.Tensor:
    return contrast(margin).contrast(dit, both, torch.Generator().manual_seed(0), DiTObjective())


def test_who_knows_what_can_happen_pays_nothing() -> None:
    both = pair()
    assert value(Oracle(both.possible), both).item() == 0.0


def test_who_cannot_tell_pays_the_margin() -> None:
    both = pair()

    def blind(x_t: torch.Tensor, t: torch.Tensor, *told: Any) -> torch.Tensor:
        return torch.full_like(x_t, 1e4)  # so wrong that the clips do not matter

    assert value(blind, both, 0.3).item() == pytest.approx(0.3, abs=1e-3)


def test_the_impossible_clip_preferred_costs_more_than_the_margin() -> None:
    both = pair()
    weight = torch.tensor(0.2, requires_grad=True)

    def between(x_t: torch.Tensor, t: torch.Tensor, *told: Any) -> torch.Tensor:
        level = t[:, None, :, None, None]
        shown = both.impossible + weight * (both.possible - both.impossible)
        noise = x_t.chunk(2)[0] - (1 - level[:1]) * both.possible
        return (noise / level[:1] - shown).expand_as(x_t)

    loss = value(between, both)
    loss.backward()
    assert loss.item() > 0.1
    assert weight.grad is not None
    assert weight.grad.item() < 0  # towards the possible clip


def test_equal_clips_count_nothing() -> None:
    both = pair()
    assert value(Oracle(both.possible), replace(both, impossible=both.possible)).item() == 0.0


def aligned(tokens: torch.Tensor, probes: Probes, labels: LatentLabels) -> torch.Tensor:
    clips = lawful_clips()[: len(tokens)]
    prediction = replace(predicted(clips, clips), labels=labels, tokens={1: tokens})
    return RepresentationAlignment(AlignmentTerm())(prediction, probes)


def test_tokens_that_hold_the_maps_are_read_and_noise_is_not() -> None:
    clips = lawful_clips()[:8]
    labels = labels_of(clips)
    maps = teacher_maps(labels, 1, SPACE.temporal_factor).movedim(1, -1)
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(len(TEACHER_CHANNELS), SPACE.token_width, generator=generator)
    held = maps @ mixing + 1.0
    noise = torch.randn(held.shape, generator=generator)
    left = []
    for tokens in (held, noise):
        torch.manual_seed(0)
        probes = Probes(("tokens",), SPACE, ProbesConfig())
        optimizer = torch.optim.AdamW(probes.parameters(), lr=1e-2)
        for _ in range(60):
            optimizer.zero_grad()
            loss = aligned(tokens, probes, labels)
            loss.backward()
            optimizer.step()
        left.append(aligned(tokens, probes, labels).item())
    assert left[0] < 0.5 * left[1]


def test_gradients_reach_the_tokens_of_labelled_clips_alone() -> None:
    clips = lawful_clips()[:2]
    labels = labels_of(clips)
    some = LatentLabels(labels.arrays, {group: torch.tensor([True, False]) for group in labels.present})
    tokens = torch.randn(2, 5, 8, 8, SPACE.token_width, generator=torch.Generator().manual_seed(0)).requires_grad_()
    probes = Probes(("tokens",), SPACE, ProbesConfig())
    aligned(tokens, probes, some).backward()
    assert tokens.grad is not None
    assert tokens.grad[0].any()
    assert not tokens.grad[1].any()
    assert aligned(tokens, probes, LatentLabels({}, {})).item() == 0.0
