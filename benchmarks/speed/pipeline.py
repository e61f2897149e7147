"""Speed of data generation: one clip from draw to stored bytes, on one core."""

import statistics
import time

from physics_data.core.provenance import hardware
from physics_data.core.shards import encode_clip
from physics_data.pipeline.generate import ClipTask, generate_clip
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.base import SceneSettings

CLIPS_PER_REPEAT = 12


def measure_pipeline(repeats: int) -> list[dict[str, object]]:
    """Time simulate + render + label + encode, per engine, over all scenarios at the demo's size."""
    settings = SceneSettings()
    rows: list[dict[str, object]] = []
    for engine in ("mujoco", "bullet"):
        tasks = [
            ClipTask(name, engine, index) for index in range(CLIPS_PER_REPEAT // len(SCENARIOS)) for name in SCENARIOS
        ]
        _seconds(tasks, settings)  # compiles and warms up
        rates = [len(tasks) / _seconds(tasks, settings) for _ in range(repeats)]
        value = statistics.median(rates)
        size = f"{settings.num_frames}x{settings.height}x{settings.width}"
        rows.append(
            {
                "name": f"clips of {size} from draw to stored bytes, {engine}",
                "value": value,
                "unit": "clips/s on one core",
                "target": 10.0,
                "meets": value >= 10.0,
                "peer": None,
                "peer_value": None,
                "ratio": None,
                "spread": f"{min(rates):.1f} to {max(rates):.1f}",
                "hardware": hardware(),
                "command": "python -m benchmarks speed --json",
            }
        )
    return rows


def _seconds(tasks: list[ClipTask], settings: SceneSettings) -> float:
    started = time.perf_counter()
    for task in tasks:
        encode_clip(generate_clip(task, settings, 0, "raycast").clip)
    return time.perf_counter() - started
