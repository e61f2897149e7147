"""Scene tokens of specs and clips."""

import numpy as np
import pytest

from physics_data.core.errors import DataError
from physics_data.core.geometry import camera_matrices
from physics_data.simulation import simulate
from worldsim.data.scene_encoding import FIXED_SLOTS, scene_of_clip, scene_tokens
from worldsim.model.scene_tokens import BODY


def test_places_are_the_projected_centres_and_the_first_state_needs_no_simulation() -> None:
    clip = simulate("collide", seed=1, num_frames=9, width=64, height=48)
    spec = clip.meta.spec
    assert spec is not None and clip.trajectory is not None
    found = scene_tokens(spec, 9, 4, 8, clip.trajectory)
    number = next(n for n, body in enumerate(spec.bodies) if body.is_dynamic)
    slot, camera = FIXED_SLOTS + number, camera_matrices(spec)
    assert int(found.kind[0, slot]) == BODY
    for latent, frame in enumerate((0, 4, 8)):
        local = np.linalg.inv(camera.world_from_camera[frame]) @ np.append(clip.trajectory.position[frame, number], 1)
        x, y, _ = camera.intrinsics[frame] @ (local[:3] / local[2])
        down, across = found.states[0, slot, latent, :2].tolist()
        side = np.sqrt(64 * 48)
        assert (across * side + 32, down * side + 24) == pytest.approx((x, y), abs=0.01)
    alone = scene_tokens(spec, 9, 4, 8)
    assert alone.states_known[0, slot].tolist() == [True, False, False]
    np.testing.assert_allclose(alone.states[0, slot, 0], found.states[0, slot, 0], atol=1e-3)


def test_nothing_is_known_of_footage_and_too_many_bodies_are_refused() -> None:
    clip = simulate("collide", seed=1, num_frames=9, width=32, height=32)
    spec = clip.meta.spec
    assert spec is not None
    footage = clip.meta.model_copy(update={"spec": None, "source": "footage"})
    nothing = scene_of_clip(footage, None, 9, 4, 8)
    assert not nothing.kind.any() and nothing.states.shape[2] == 3
    with pytest.raises(DataError, match=f"has {len(spec.bodies)} bodies, the model takes 1"):
        scene_tokens(spec, 9, 4, FIXED_SLOTS + 1)
