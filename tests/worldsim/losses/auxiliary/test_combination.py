"""How auxiliary losses are added up: schedules, balance, and the weight of objects."""

from dataclasses import replace

import pytest
import torch

from tests.worldsim.losses.auxiliary.stage import SPACE, lawful_clips, predicted, trained_probes
from worldsim.data.latent_labels import LatentLabels
from worldsim.losses.auxiliary import AUXILIARY, AuxiliaryTerm
from worldsim.losses.auxiliary.combination import PROBE_SCALE, AuxiliaryLosses, AuxiliaryStep
from worldsim.losses.denoising import FlowMatching, instance_weight
from worldsim.losses.loss import RankShard
from worldsim.probes import Probes, ProbesConfig


def test_weights_grow_from_their_start() -> None:
    term = AuxiliaryTerm(start=10, ramp=4)
    assert [term.share(step) for step in (0, 9, 10, 11, 13, 14, 99)] == [0, 0, 0.25, 0.5, 1, 1, 1]
    assert AuxiliaryTerm(start=2, ramp=0).share(2) == 1


@pytest.mark.parametrize("weight", [0.1, 0.5])
def test_balanced_gradients_have_the_length_that_the_weight_says(weight: float) -> None:
    clips = lawful_clips()[:4]
    start = predicted(clips, clips, level=0.3)
    generator = torch.Generator().manual_seed(0)
    target = torch.randn(start.true.shape, generator=generator)
    v_pred = (target + torch.randn(start.true.shape, generator=generator)).requires_grad_()
    denoising = (v_pred - target).square().mean()
    prediction = replace(start, clean=start.true + 0.3 * (target - v_pred))
    losses = AuxiliaryLosses({"permanence": AuxiliaryTerm(weight=weight, ramp=0, by_gradient=True)})
    step = AuxiliaryStep(losses, trained_probes(losses.probes), start.labels, len(clips), step=0)
    parts = step.add_to(denoising, v_pred, prediction, generator)
    lengths = [
        torch.autograd.grad(parts[name], v_pred, retain_graph=True)[0].norm()
        for name in ("permanence_weighted", "denoising")
    ]
    assert (lengths[0] / lengths[1]).item() == pytest.approx(weight, rel=1e-4)
    total = parts["denoising"] + parts["permanence_weighted"] + PROBE_SCALE * parts["probe_presence"]
    assert parts["loss"].item() == pytest.approx(total.item())


def test_a_loss_before_its_start_is_measured_and_does_nothing() -> None:
    clips = lawful_clips()[:2]
    start = predicted(clips, clips[::-1])
    v_pred = torch.zeros_like(start.true).requires_grad_()
    losses = AuxiliaryLosses({"permanence": AuxiliaryTerm(start=5)})
    step = AuxiliaryStep(losses, trained_probes(losses.probes), start.labels, 2, step=0)
    prediction = replace(start, clean=start.clean - 0.2 * v_pred)
    parts = step.add_to((v_pred - 1).square().mean(), v_pred, prediction, torch.Generator())
    assert parts["permanence"].item() > 0
    (gradient,) = torch.autograd.grad(parts["loss"], v_pred)
    torch.testing.assert_close(gradient, torch.full_like(v_pred, -2 / v_pred.numel()))


def test_probes_get_the_noise_of_their_clips_in_any_number_of_processes() -> None:
    clips = lawful_clips()[:5]
    latents = predicted(clips, clips).true
    step = AuxiliaryStep(
        AuxiliaryLosses({}), Probes((), SPACE, ProbesConfig(max_noise=0.5)), LatentLabels({}, {}), 5, step=0
    )

    def noisy(part: RankShard) -> torch.Tensor:
        return step._with_little_noise(part.rows(latents), torch.Generator().manual_seed(0), part)

    whole = noisy(RankShard(0, 1))
    for rank in range(2):
        torch.testing.assert_close(noisy(RankShard(rank, 2)), whole[rank::2])
    deviation = (whole - latents).std((1, 2, 3, 4))
    assert (deviation < 0.51).all()
    assert deviation.max() > 2 * deviation.min()


def test_objects_count_more_and_clips_the_same() -> None:
    clips = lawful_clips()[:4]
    labels = predicted(clips, clips).labels
    present = {group: torch.tensor([True, True, True, False]) for group in labels.present}
    weight = instance_weight(LatentLabels(labels.arrays, present), gain=3.0)
    assert weight is not None
    torch.testing.assert_close(weight.mean((1, 2, 3)), torch.ones(4))
    assert (weight[3] == 1).all()
    share = torch.maximum(labels["seen_share"], labels["covered_share"]).sum(1).clamp(0, 1)
    full, empty = share[0] == 1, share[0] == 0
    assert full.any()
    assert (weight[0][full].mean() / weight[0][empty].mean()).item() == pytest.approx(4.0)
    assert instance_weight(labels, gain=0.0) is None
    assert instance_weight(LatentLabels({}, {}), gain=1.0) is None
    v, target = torch.zeros(1, 1, 1, 1, 2), torch.tensor([1.0, 2.0]).view(1, 1, 1, 1, 2)
    uneven = torch.tensor([1.5, 0.5]).view(1, 1, 1, 2)
    assert FlowMatching()(v, target, torch.ones(1, 1), uneven).item() == pytest.approx((1.5 * 1 + 0.5 * 4) / 2)


def test_what_is_needed_is_what_is_read() -> None:
    losses = AuxiliaryLosses({name: AUXILIARY.get(name).settings() for name in ("identity", "attributes")})
    assert losses.groups == ("masks", "looks")
    assert losses.probes == ("attributes", "objects")
    assert AuxiliaryLosses({}).groups == ()
