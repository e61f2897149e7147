import math

import pytest
import torch

from worldsim.losses.denoising import FlowMatching
from worldsim.losses.reconstruction import Charbonnier, GradientDifference, StandardNormalKL, pixel_weight


def test_charbonnier_is_the_absolute_difference_of_what_counts() -> None:
    target = torch.zeros(1, 3, 1, 2, 2)
    video = target.clone()
    video[..., 0, 0] = 0.5
    weight = torch.ones(1, 1, 1, 2, 2)
    weight[..., 0, 0] = 3.0
    assert Charbonnier()(video, target, weight).item() == pytest.approx(3 * 0.5 / 6, rel=0.01)


def test_gradient_does_not_see_brightness_but_an_edge() -> None:
    target, weight = torch.zeros(1, 3, 1, 8, 8), torch.ones(1, 1, 1, 8, 8)
    assert GradientDifference()(target + 0.5, target, weight).item() == pytest.approx(0, abs=1e-6)
    edge = target.clone()
    edge[..., 4:] = 0.7
    expected = sum(0.5 * 0.7 / (size - 1) for size in (8, 4, 2)) / 3
    assert GradientDifference()(edge, target, weight).item() == pytest.approx(expected, rel=0.01)


def test_kl_of_a_known_pair() -> None:
    """KL(N(m, s²) || N(0, 1)) = (m² + s² - 1) / 2 - ln s."""
    value = StandardNormalKL()(torch.tensor([1.5]), torch.tensor([2 * math.log(0.5)]))
    assert value.item() == pytest.approx((1.5**2 + 0.25 - 1) / 2 + math.log(2), rel=1e-6)


def test_given_frames_do_not_count_in_flow_matching() -> None:
    v = torch.zeros(2, 4, 3, 2, 2)
    wrong = v.clone()
    wrong[:, :, 0] = 100.0
    wrong[0, :, 2] = 2.0
    frame_weight = torch.tensor([[0.0, 1, 1], [0, 1, 1]])
    assert FlowMatching()(wrong, v, frame_weight).item() == pytest.approx(4 / 4)


def test_weight_follows_instances_and_motion() -> None:
    video = torch.zeros(2, 3, 5, 12, 12)
    video[1, :, 2, 6, 6] = 0.5
    ids = torch.zeros(2, 5, 12, 12, dtype=torch.uint8)
    ids[0, :, 3, 3] = 1
    ids[1, :, 9, 9] = 1
    weight = pixel_weight(video, ids, torch.tensor([True, False]), gain=4.0)
    assert weight[0, 0, 0, 2:5, 2:5].unique().tolist() == [5.0]
    assert (weight[0] > 1).sum() == 5 * 9
    assert (weight[1] > 1).nonzero().tolist() == [[0, 2, y, x] for y in (5, 6, 7) for x in (5, 6, 7)]


def test_without_labels_only_motion_weighs() -> None:
    video = torch.zeros(1, 3, 3, 4, 4)
    assert torch.equal(pixel_weight(video, None, torch.tensor([False]), gain=4.0), torch.ones(1, 1, 3, 4, 4))
