"""A live scene: its recording gives the same bytes as what was seen, and a refused action changes nothing."""

import numpy as np
import pytest

from physics_data.core.actions import Impulse, SetGravity
from physics_data.core.errors import EngineError, SceneSpecError
from physics_data.core.scene import SceneSpec
from physics_data.engines.live_scene import LiveScene
from physics_data.engines.mujoco_engine import MujocoEngine
from physics_data.scenes.scene_file import scene_of

DOCUMENT = {
    "bodies": {
        "ball": {"sphere": 0.2, "position": [0, 0, 1.0], "bounce": 0.7},
        "box": {"box": [0.3, 0.2, 0.4], "position": [0.8, 0, 0.2]},
        "wall": {"box": [0.1, 1, 1], "position": [2, 0, 0.5], "static": True},
    }
}
LIMIT = 4.0


@pytest.fixture
def spec() -> SceneSpec:
    return scene_of(DOCUMENT, "a scene").spec


def test_the_recording_gives_the_bytes_that_were_seen(spec: SceneSpec) -> None:
    live = LiveScene(spec, LIMIT)
    seen = [live.now()[1]]
    for frame in range(40):
        if frame == 5:
            live.act(Impulse(frame=5, body="ball", impulse=(6.0, 0.5, 0.0), point=(0.0, 0.1, 0.9)))
        if frame == 12:
            ball = spec.bodies[spec.body_index("ball")]
            live.insert(ball.model_copy(update={"name": "late", "position": (0.8, 0.0, 1.5)}))
            live.act(SetGravity(frame=12, gravity=(0.5, 0.0, -3.0)))
        if frame == 25:
            live.remove("box")
        live.step()
        seen.append(live.now()[1])
    whole = MujocoEngine().simulate(live.recording)
    late = live.recording.body_index("late")
    for frame, now in enumerate(seen):
        count = now.position.shape[1]
        present = np.ones(count, bool) if now.present is None else now.present[0]
        there = np.ones(count, bool) if whole.present is None else whole.present[frame, :count]
        if frame != 12:  # a body that comes is shown from the frame after its action on
            assert np.array_equal(present, there)
        for one, all_of_it in ((now.position, whole.position), (now.orientation, whole.orientation)):
            assert np.array_equal(one[0, there], all_of_it[frame, :count][there]), f"frame {frame}"
    assert whole.present is not None
    assert whole.present[13:, late].all()


def test_a_refused_action_changes_nothing(spec: SceneSpec) -> None:
    live, undisturbed = LiveScene(spec, LIMIT), LiveScene(spec, LIMIT)
    for _ in range(3):
        live.step(), undisturbed.step()
    for action, error in (
        (Impulse(frame=3, body="wall", impulse=(1, 0, 0)), SceneSpecError),
        (Impulse(frame=3, body="none", impulse=(1, 0, 0)), SceneSpecError),
        (Impulse(frame=2, body="ball", impulse=(1, 0, 0)), SceneSpecError),
        (Impulse(frame=3, body="ball", impulse=(1e7, 0, 0)), EngineError),
    ):
        with pytest.raises(error):
            live.act(action)
    assert live.recording == undisturbed.recording
    live.step(), undisturbed.step()
    assert live.now()[1].position.tobytes() == undisturbed.now()[1].position.tobytes()


def test_a_live_scene_ends(spec: SceneSpec) -> None:
    live = LiveScene(spec, 0.25)
    while not live.is_over:
        live.step()
    assert live.frame == 4
    with pytest.raises(EngineError, match="ends after 4 frames"):
        live.step()
