"""Speed of data generation: clips with every label from draw to disk, memory, physics alone, and two workers."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import mujoco

from benchmarks.rows import Row, median_row
from physics_data.core.clip import Stream
from physics_data.core.conventions import clip_generator
from physics_data.core.program import messages
from physics_data.core.scene import SceneSpec
from physics_data.core.shards import write_shard
from physics_data.engines import ENGINES
from physics_data.engines.mujoco_model import build_model
from physics_data.engines.surfaces import friction_factors, restitution_factors
from physics_data.pipeline.build import build
from physics_data.pipeline.build_config import BuildConfig, SplitSizes
from physics_data.pipeline.generate import ClipTask, generate_clip
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.shared.scenario import SceneSettings

COMMAND = "python -m benchmarks speed data --json"
SETTINGS = SceneSettings(num_frames=32, width=128, height=128)
STREAMS: tuple[Stream, ...] = get_args(Stream)
BARE_SCENARIOS = ("free_drop", "collide", "drop_bounce", "billiards_break")
"""Scenes without joints, scripts or belts, which a bare engine can be stepped on with nothing around it."""

CLIPS_TARGET = 18.0
"""Clips a second of one core that are asked for."""

BARE_SHARES = {"mujoco": 0.85, "bullet": 0.6}
"""Engine → share of the bare engine's steps, with recording, that is asked for."""

START_TARGET = 2.0
"""Seconds of processor time until the first clip of a build is begun."""

_CLIPS_FOR_WORKERS = 96
_MEMORY = """
import resource
from benchmarks.speed.data import clip_tasks, write_clips
write_clips(clip_tasks())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
"""
_START = """
import time
from pathlib import Path
from physics_data.engines import ENGINES
from physics_data.pipeline.build import build
from physics_data.pipeline.build_config import BuildConfig
from physics_data.pipeline.generate import generate_clip
from physics_data.pipeline.shard_maker import plan
from physics_data.renderers import RENDERERS
config = BuildConfig(scenarios=("collide", "free_drop"))
plan(config)
RENDERERS.get("raycast")()
for name in config.engines:
    ENGINES.get(name)()
print(time.process_time())
"""


def measure_data(repeats: int) -> list[Row]:
    """Time clips of 32x128x128 with all streams, from draw to disk, over all scenarios and both engines."""
    tasks = clip_tasks()
    write_clips(tasks)  # compiles and warms up
    rates = [len(tasks) / _cpu_seconds(lambda: write_clips(tasks)) for _ in range(repeats)]
    flow_rates = [len(tasks) / _cpu_seconds(lambda: write_clips(tasks, ("optical_flow",))) for _ in range(repeats)]
    name = "clips of 32x128x128, draw to disk, all scenarios"
    per_core = "clips/s of one core's time"
    hours = [100_000 / rate / 3600 for rate in rates]
    rows = [
        median_row(f"{name}, every stream", rates, per_core, CLIPS_TARGET, None, None, COMMAND),
        median_row(
            f"{name}, rgb, ids, depth, amodal masks, flow", flow_rates, per_core, CLIPS_TARGET, None, None, COMMAND
        ),
        median_row(
            "100,000 such clips, every stream", hours, "core-hours", 100_000 / CLIPS_TARGET / 3600, None, None, COMMAND
        ),
    ]
    memory = float(_printed(_MEMORY))
    rows.append(median_row("memory of a worker, largest", [memory], "GB", 1.0, None, None, COMMAND))
    start = [float(_printed(_START)) for _ in range(min(repeats, 3))]
    name = "until a build begins its first clip, processor time of a fresh process"
    rows.append(median_row(name, start, "s", START_TARGET, None, None, COMMAND))
    for reason in (missing := ENGINES.missing()).values():
        messages.print(f"[yellow]Not measured: {reason}[/yellow]")
    bare = (_against_bare(engine, repeats) for engine in ENGINES if engine not in missing)
    return [*rows, *bare, _scaling(repeats)]


def clip_tasks() -> list[ClipTask]:
    """Return one task for every scenario on every engine that it claims and that is installed."""
    missing, engines = ENGINES.missing(), {name: SCENARIOS.get(name).engines for name in SCENARIOS}
    return [ClipTask(name, engine, 0) for name in SCENARIOS for engine in engines[name] if engine not in missing]


def write_clips(tasks: list[ClipTask], streams: tuple[Stream, ...] = STREAMS) -> None:
    """Make clips and write them as one shard."""
    with tempfile.TemporaryDirectory() as folder:
        made = (generate_clip(task, SETTINGS, 0, "raycast", streams).clip for task in tasks)
        write_shard(Path(folder) / "shard.tar", made)


def _printed(program: str) -> str:
    """Return what a program prints in a process of its own."""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def _cpu_seconds(work: Callable[[], object]) -> float:
    """Return the processor time of this process, which other programs on the machine do not lengthen much."""
    started = time.process_time()
    work()
    return time.process_time() - started


def _against_bare(engine_name: str, repeats: int) -> Row:
    """Time an engine's whole run, states and contacts recorded, against its library alone taking the same steps."""
    engine = ENGINES.get(engine_name)()
    bare = {"mujoco": _bare_mujoco, "bullet": _bare_bullet}[engine_name]
    specs = [
        SCENARIOS.get(name)().sample(clip_generator(0, name, index), SETTINGS, 0, index)
        for name in BARE_SCENARIOS
        for index in range(3)
    ]
    steps = sum((spec.num_frames - 1) * spec.steps_per_frame for spec in specs)
    ours, peer = [], []
    for _ in range(repeats):
        ours.append(steps / _cpu_seconds(lambda: [engine.simulate(spec) for spec in specs]))
        peer.append(steps / _cpu_seconds(lambda: [bare(spec) for spec in specs]))
    name = f"physics with states and contacts recorded, {engine_name}"
    target = BARE_SHARES[engine_name] * statistics.median(peer)
    return median_row(name, ours, "steps/s of one core's time", target, f"bare {engine_name}", peer, COMMAND)


def _bare_mujoco(spec: SceneSpec) -> None:
    model = build_model(spec)
    data = mujoco.MjData(model)  # pyright: ignore[reportAttributeAccessIssue]
    for _ in range((spec.num_frames - 1) * spec.steps_per_frame):
        mujoco.mj_step(model, data)  # pyright: ignore[reportAttributeAccessIssue]


def _bare_bullet(spec: SceneSpec) -> None:
    from physics_data.engines import bullet_engine
    from physics_data.engines.bullet_bodies import add_body, physics_server, pybullet

    with physics_server() as server:
        pybullet.setGravity(*spec.gravity, physicsClientId=server)
        step = {"fixedTimeStep": 1.0 / spec.physics_rate}
        pybullet.setPhysicsEngineParameter(**bullet_engine._PARAMETERS, **step, physicsClientId=server)
        surfaces = zip(friction_factors(spec), restitution_factors(spec), strict=True)
        for body, (friction, restitution) in zip(spec.bodies, surfaces, strict=True):
            index = add_body(server, body, False, friction, restitution)
            if body.is_dynamic:
                pybullet.resetBaseVelocity(index, body.linear_velocity, body.angular_velocity, physicsClientId=server)
        for _ in range((spec.num_frames - 1) * spec.steps_per_frame):
            pybullet.stepSimulation(physicsClientId=server)


def _scaling(repeats: int) -> Row:
    """Build one dataset with one worker and with two, by the clock, start of the processes included."""
    scenarios = tuple(SCENARIOS)[:8]
    config = BuildConfig(
        scenarios=scenarios,
        scenes_per_scenario=SplitSizes(train=_CLIPS_FOR_WORKERS // len(scenarios), test=0),
        engines=tuple(name for name in ENGINES if name not in ENGINES.missing()),
        clips_per_shard=8,
        settings=SETTINGS,
        streams=STREAMS,
    )
    ratios = []
    for _ in range(min(repeats, 3)):
        seconds = []
        for workers in (1, 2):
            with tempfile.TemporaryDirectory() as folder:
                seconds.append(build(config, Path(folder) / "built", workers=workers).seconds)
        ratios.append(seconds[0] / seconds[1])
    name = f"{_CLIPS_FOR_WORKERS} clips with two workers, start-up included"
    return median_row(name, ratios, "times as fast as one worker", 1.85, None, None, COMMAND)
