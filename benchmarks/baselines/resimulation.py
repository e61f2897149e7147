"""Re-simulation: the same event once more, and another event of the same kind."""

import numpy as np
from jaxtyping import UInt8

from physics_data.core.clip import Clip
from physics_data.core.conventions import clip_generator
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.core.video import decode_video, encode_video
from physics_data.engines import ENGINES
from physics_data.renderers.renderer import Renderer
from physics_data.renderers.sensor import with_grain

SPEED_SPREAD = 0.003
"""Relative spread of the first velocities between a clip and its re-simulation."""

GRAIN = 2.0
"""Noise of the re-simulation's sensor, sRGB levels."""

_SAME = 1e-6
_OTHER = 500_000


class Resimulation:
    """The same event recorded again: first velocities that differ by 0.3 %, other grain, compressed once.

    An upper bound for models: in a chaotic scene the re-simulation differs, too.
    """

    def make(self, clip: Clip, renderer: Renderer, num_conditioning_frames: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the re-simulated clip."""
        return resimulated(clip, renderer, clip_generator(0, f"second_take/{clip.meta.key}", 0))


class AnotherSeed:
    """A right video of another event of the same kind: good physics, wrong answer."""

    def make(self, clip: Clip, renderer: Renderer, num_conditioning_frames: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Return a clip of the same scenario, drawn from another seed, with the rates and size of this one."""
        from physics_data.pipeline.generate import ClipTask, generate_clip
        from physics_data.scenarios.shared.scenario import SceneSettings

        spec, _, _ = clip.labelled
        settings = SceneSettings(
            layout="centred",
            num_frames=spec.num_frames,
            frame_rate=spec.frame_rate,
            physics_rate=spec.physics_rate,
            width=spec.width,
            height=spec.height,
        )
        task = ClipTask(spec.scenario, clip.meta.engine or "mujoco", spec.index + _OTHER)
        return generate_clip(task, settings, spec.root_seed, renderer.name, ()).clip.rgb


def resimulated(
    clip: Clip, renderer: Renderer, rng: np.random.Generator, spread: float = SPEED_SPREAD
) -> UInt8[np.ndarray, "t h w 3"]:
    """Return the clip's event recorded once more; a motion that the scene alone does not give keeps its course.

    Args:
        spread: relative standard deviation of the first velocities
    """
    spec, rendering, trajectory = clip.labelled
    spec = _without_absent(spec, trajectory)
    engine = ENGINES.get(clip.meta.engine or "mujoco")()
    rgb = rendering.rgb
    if not spec.joints and _is_plain(engine.simulate(spec), spec, clip):
        bodies = tuple(
            body.model_copy(update={"linear_velocity": _scaled(body.linear_velocity, spread, rng)})
            if body.is_dynamic
            else body
            for body in spec.bodies
        )
        rgb = renderer.render(spec, engine.simulate(spec.model_copy(update={"bodies": bodies})), ()).rgb
    return recorded(rgb, clip.meta.frame_rate, rng, what=f"re-simulation of '{clip.meta.key}'")


def recorded(
    rgb: UInt8[np.ndarray, "t h w 3"], frame_rate: float, rng: np.random.Generator, what: str
) -> UInt8[np.ndarray, "t h w 3"]:
    """Return the video as a file of a noisy camera gives it back: grain of its own, H.264 at crf 13."""
    noisy = with_grain(rgb, GRAIN, int(rng.integers(2**62)))
    return decode_video(encode_video(noisy, frame_rate), what=what)


def _without_absent(spec: SceneSpec, trajectory: Trajectory) -> SceneSpec:
    """The scene without the bodies that an editor has taken out of the whole clip."""
    if trajectory.present is None:
        return spec
    for body, present in zip(spec.bodies, trajectory.present.T, strict=True):
        if not present.any():
            spec = spec.without(body.name)
    return spec


def _is_plain(simulated: Trajectory, spec: SceneSpec, clip: Clip) -> bool:
    """Whether the clip's motion is what the engine makes of the scene."""
    whole, _, trajectory = clip.labelled
    kept = [whole.body_index(body.name) for body in spec.bodies]
    return bool(np.abs(simulated.position - trajectory.position[:, kept]).max() < _SAME)


def _scaled(
    velocity: tuple[float, float, float], spread: float, rng: np.random.Generator
) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in np.array(velocity) * (1.0 + spread * rng.standard_normal()))
    return (x, y, z)
