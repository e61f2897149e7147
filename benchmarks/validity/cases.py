"""Pairs of a reference and a video of it that breaks one law by a known amount, rendered from edited motions."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from benchmarks.baselines.takes import another_take
from benchmarks.validity.nuisances import as_a_model_would
from physics_data.core.clip import Clip
from physics_data.core.conventions import clip_generator
from physics_data.core.errors import ClipRejectedError
from physics_data.editors import EDITORS
from physics_data.pipeline.generate import FIRST_TEST_INDEX
from physics_data.pipeline.twins import TwinTask, make_twins
from physics_data.renderers import RENDERERS
from physics_data.scenarios.shared.scenario import SceneSettings

ENGINE = "mujoco"
RENDERER = "raycast"

LAWFUL_SPREAD = 0.02
"""Relative spread of the first velocities of lawful videos: a good generator reads speeds to about two percent."""


@dataclass(frozen=True)
class Case:
    """One scene and what may become of it.

    reference:  the lawful clip that is scored against
    take:       the lawful event recorded once more, well: what public measures take for chance
    lawful:     the lawful event as a good generator would show it: with all that is slightly wrong and breaks no law
    wrong:      the video that breaks the law, undisturbed
    violated:   the same as the same generator would show it
    """

    violation: str
    scenario: str
    reference: Clip
    take: UInt8[np.ndarray, "t h w 3"]
    lawful: UInt8[np.ndarray, "t h w 3"]
    wrong: UInt8[np.ndarray, "t h w 3"]
    violated: UInt8[np.ndarray, "t h w 3"]


def violations() -> list[str]:
    """Return all editors, by category."""
    infos = [EDITORS.get(name).info for name in EDITORS]
    return [info.name for info in sorted(infos, key=lambda info: (info.category, info.name))]


def make_case(violation: str, number: int, settings: SceneSettings, dose: float = 1.0) -> Case | None:
    """Make one scene with a violation of a dose from just above 0 to 1; None where no scene has room for it.

    What a dose means: permanence is all or nothing, so there it is the share of the frames after the switch that show
    the wrong world; elsewhere it is the editor's severity.
    """
    info = EDITORS.get(violation).info
    names = info.scenarios
    is_timed = info.is_switch and info.category == "permanence"
    severity = 1.0 if is_timed else dose
    task = TwinTask(violation, ENGINE, FIRST_TEST_INDEX + number, severity, names[number % len(names)])
    try:
        made = make_twins(task, settings, 0, RENDERER, ())
        twins = {clip.meta.twin.role: clip for clip in made if clip.meta.twin is not None}
    except ClipRejectedError:
        return None
    reference, broken = (twins["AA"], twins["AB"]) if info.is_switch else (twins["possible"], twins["impossible"])
    wrong = timed(reference.rgb, broken.rgb, dose) if is_timed else broken.rgb
    renderer, rng = RENDERERS.get(RENDERER)(), clip_generator(0, f"validity/{violation}", number)
    take = another_take(reference, renderer, rng)
    lawful = as_a_model_would(another_take(reference, renderer, rng, LAWFUL_SPREAD), rng)
    return Case(violation, task.scenario or "", reference, take, lawful, wrong, as_a_model_would(wrong, rng))


def timed(
    right: UInt8[np.ndarray, "t h w 3"], wrong: UInt8[np.ndarray, "t h w 3"], dose: float
) -> UInt8[np.ndarray, "t h w 3"]:
    """Return the right video, in which a share of the frames that differ, from the first one on, is the wrong one's."""
    differing = np.flatnonzero((right != wrong).any((1, 2, 3)))
    shown = differing[: max(1, round(dose * len(differing)))]
    mixed = right.copy()
    mixed[shown] = wrong[shown]
    return mixed
