"""What scoring costs: processor time of rollouts of 48 frames at 128 x 128."""

import tempfile
import time
from pathlib import Path

from eval.inputs import System
from eval.scoring import score_clip
from physics_data.core.video import write_video
from physics_data.pipeline.generate import FIRST_TEST_INDEX, ClipTask, generate_clip
from physics_data.scenarios.shared.scenario import SceneSettings

SCENARIOS = ("free_drop", "collide", "occluder_pass", "projectile")
ROLLOUTS = 100
CORES = 2


def scoring_seconds(per_scenario: int = 3) -> list[float]:
    """Return the processor seconds of each of some rollouts, from reading the file to the row of scores.

    The reference is derived once for a scene and serves all systems that are scored on it, here three.
    """
    settings = SceneSettings(layout="centred", num_frames=48, width=128, height=128)
    found = []
    with tempfile.TemporaryDirectory() as name:
        for scenario in SCENARIOS:
            clip = generate_clip(ClipTask(scenario, "mujoco", FIRST_TEST_INDEX), settings, 0, "raycast").clip
            path = Path(name) / f"{clip.meta.key}.mp4"
            write_video(path, clip.rgb, clip.meta.frame_rate)
            systems = [System(str(k), Path(name), {clip.meta.key: path}, ()) for k in range(per_scenario)]
            started = time.process_time()
            score_clip(clip, systems, num_conditioning_frames=1)
            found.append((time.process_time() - started) / per_scenario)
    return found
