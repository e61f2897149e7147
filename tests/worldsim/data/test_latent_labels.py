"""Labels on the grid of latents, against hand-computed ones and closed forms."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from physics_data.core.clip import Clip
from physics_data.core.errors import DataError
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from tests.worldsim.losses.auxiliary.stage import lawful_clips, possible_and_impossible
from tests.worldsim.tiny_clips import footage_clip, physics_clip
from worldsim.data.latent_labels import ARRAYS, GROUPS, labels_read_for, latent_labels, stack_latent_labels
from worldsim.data.object_states import COLOR_CLASSES, SHAPE_CLASSES
from worldsim.data.sources import PixelClip


def whole(clip: Clip) -> PixelClip:
    return PixelClip.of(clip, labels_read_for(GROUPS))


@pytest.fixture
def square(falling_ball: SceneSpec, closed_form_fall: Trajectory) -> PixelClip:
    """Object 1 fills rows 1 to 4 and columns 0 to 3 of 5 frames of 16 x 16; object 2 is never seen."""
    return whole(physics_clip(0, falling_ball, closed_form_fall))


def test_masks_are_shares_of_the_pixels_of_a_latent_position(square: PixelClip) -> None:
    labels = latent_labels(square, temporal_factor=4, spatial_factor=4)
    expected = np.zeros((2, 2, 4, 4))
    expected[0, :, 0, 0], expected[0, :, 1, 0] = 12 / 16, 4 / 16
    np.testing.assert_allclose(labels["seen_share"], expected)
    assert not labels["covered_share"].any()
    assert labels["counted"].all()


def test_a_latent_frame_is_the_mean_of_its_video_frames(square: PixelClip) -> None:
    ids = square.labels["instance_ids"].copy()
    ids[0] = 0
    ids[4] = 0  # of the second latent frame, three of four video frames are left
    changed = replace(square, labels={**square.labels, "instance_ids": ids})
    share = latent_labels(changed, 4, 4)["seen_share"]
    np.testing.assert_allclose(share[0, :, 0, 0], [0.0, 0.75 * 12 / 16])


def test_states_are_the_engines(square: PixelClip, closed_form_fall: Trajectory, falling_ball: SceneSpec) -> None:
    labels = latent_labels(square, 4, 4, groups=("states",))
    assert set(labels) == {name for name, (group, _) in ARRAYS.items() if group == "states"}
    ball = [body.name for body in falling_ball.instances].index("ball")
    body = falling_ball.body_index("ball")
    np.testing.assert_allclose(labels["velocity"][ball], closed_form_fall.linear_velocity[:5, body], rtol=1e-6)
    # The camera stands at y = -5.5 and looks along y, a little down; the ball is on the axis in x.
    np.testing.assert_allclose(labels["place"][ball, :, 0], 0.5, atol=1e-6)
    assert (np.diff(labels["place"][ball, :, 1]) > 0).all()  # down the picture
    axis = np.array([0.0, 5.5, -0.2]) / np.hypot(5.5, 0.2)
    position = closed_form_fall.position[:5, body]
    np.testing.assert_allclose(labels["distance"][ball], (position - [0.0, -5.5, 1.6]) @ axis, rtol=1e-5)
    assert labels["seconds"] == pytest.approx(1 / falling_ball.frame_rate)
    np.testing.assert_allclose(labels["ground"], [[0, 0, 1, 0]], atol=1e-6)


def test_laws_hold_where_the_schedule_says_so() -> None:
    """Free bodies gain g in every interval; resting ones do not move; energy grows by no more than is allowed."""
    free = resting = 0
    for clip in lawful_clips()[:12]:
        labels = latent_labels(whole(clip), 4, 4)
        seconds, gravity = float(labels["seconds"][0]), labels["gravity"]
        gained = np.diff(labels["velocity"], axis=1)
        np.testing.assert_allclose(gained[labels["free"]] - gravity * seconds, 0, atol=2e-2)
        still = np.linalg.norm(labels["velocity"][:, 1:], axis=-1)[labels["resting"]]
        assert (still < 0.02).all()
        assert not (labels["free"] & labels["resting"]).any()
        free, resting = free + labels["free"].sum(), resting + labels["resting"].sum()
        assert (labels["energy_growth"] >= 0).all()
    assert free > 50
    assert resting > 0


def test_what_an_editor_removes_does_not_exist() -> None:
    possible, impossible = (latent_labels(whole(clip), 4, 4) for clip in possible_and_impossible("vanish"))
    assert possible["exists"].all()
    assert not impossible["exists"][:, -1].all()


def test_looks_are_those_of_the_scene(square: PixelClip, falling_ball: SceneSpec) -> None:
    labels = latent_labels(square, 4, 4, groups=("looks",))
    names = [body.name for body in falling_ball.instances]
    ball, screen = names.index("ball"), names.index("screen")
    assert COLOR_CLASSES[labels["color"][ball]] == "red"
    assert COLOR_CLASSES[labels["color"][screen]] == "other"
    assert [SHAPE_CLASSES[labels["shape"][n]] for n in (ball, screen)] == ["sphere", "box"]
    assert labels["size"][ball] == pytest.approx(np.log(0.3))


def test_clips_without_labels_stand_beside_others(square: PixelClip) -> None:
    plain = latent_labels(whole(footage_clip(0)), 4, 4)
    assert plain == {}
    both = stack_latent_labels([latent_labels(square, 4, 4), plain])
    assert both.present["masks"].tolist() == [True, False]
    assert not both["seen_share"][1].any()
    assert both.known(("masks", "states")).tolist() == [True, False]
    second = both.rows(1, 2)
    assert second["seen_share"].shape == (1, 2, 2, 4, 4)
    assert second.known(("masks",)).tolist() == [False]
    nothing = stack_latent_labels([plain])
    assert not nothing.has(("masks",))


def test_numbers_of_objects_may_differ_and_sizes_may_not(square: PixelClip) -> None:
    one = latent_labels(square, 4, 4)
    fewer = {
        name: array[:1] if axes.startswith("n") else array for name, array in one.items() for axes in [ARRAYS[name][1]]
    }
    fewer["meeting"] = one["meeting"][:1, :1]
    stacked = stack_latent_labels([one, fewer])
    assert stacked["counted"].tolist() == [[True, True], [True, False]]
    assert torch.equal(stacked["place"][0, :1], stacked["place"][1, :1])
    other = latent_labels(square, 4, 8)
    with pytest.raises(DataError, match="seen_share|covered_share"):
        stack_latent_labels([one, other])
    with pytest.raises(DataError, match=r"3 k \+ 1"):
        latent_labels(square, 3, 4)
