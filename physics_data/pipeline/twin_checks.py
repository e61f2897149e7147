"""What is asked of the clips of a set of twins, and what is said of them."""

from collections import Counter

import numpy as np

from physics_data.core.clip import Clip, Rendering
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.editors.base import Switch, World, refuse
from physics_data.editors.motions import presence
from physics_data.pipeline.caption_words import listing, number_word, plural, with_article
from physics_data.pipeline.clearance import gap
from physics_data.pipeline.quality import MAX_ENERGY_GROWTH, MAX_PENETRATION, energy_growth, penetration
from physics_data.scenarios.shared.scenario import describe

_DRIFT = 1e-5
"""Bodies that an editor leaves alone may be this far apart in its two worlds, m."""

_SEEN_AT_START = 0.5
"""Share of an object that has to be visible in the first frame of a clip that is no part of a quadruplet."""


def check_lawful(*worlds: World) -> None:
    """Refuse possible worlds that break the limits of every stored clip."""
    for world in worlds:
        spec, trajectory = _without_absent(world)
        measured = {
            "penetration_relative": penetration(spec, trajectory),
            "energy_growth_relative": energy_growth(spec, trajectory),
        }
        limits = {"penetration_relative": MAX_PENETRATION, "energy_growth_relative": MAX_ENERGY_GROWTH}
        check_residuals(measured, limits, world)


def check_room(drawn: World, worlds: tuple[World, ...]) -> None:
    """Refuse scenes in which an editor put a body where something stands."""
    names = {body.name for body in drawn.spec.bodies}
    for world in worlds:
        for a, added in enumerate(world.spec.bodies):
            for b, other in enumerate(world.spec.bodies):
                is_new = added.name not in names and b != a and other.is_instance
                if is_new and gap(world.spec, world.trajectory, a, b)[0] < -1e-6:
                    raise refuse(world, f"'{added.name}' stands where '{other.name}' is", "no_room")


def check_start(world: World, shown: Rendering) -> None:
    """Refuse a clip in whose first frame an object is not in sight, or cut off by a side of the picture."""
    sides = shown.amodal_masks[0][:, :, [0, -1]].any(axis=(1, 2))
    for body, seen, is_cut in zip(world.spec.instances, shown.visible_fraction()[0], sides, strict=True):
        if body.role == "object" and (seen < _SEEN_AT_START or is_cut):
            raise refuse(world, f"'{body.name}' is not in sight in the first frame", "not_visible")


def check_residuals(measured: dict[str, float], limits: dict[str, float], world: World) -> None:
    """Refuse a world with a residual that is over its limit, or not a number."""
    for name, value in measured.items():
        if not value <= limits[name]:
            raise refuse(world, f"{name} is {value:.3g}, the limit is {limits[name]:.3g}", name)


def check_one_difference(switch: Switch) -> None:
    """Refuse two worlds in which anything differs but what the editor named."""
    first, second = switch.worlds
    for index, body in enumerate(first.spec.bodies):
        apart = float(np.abs(first.trajectory.position[:, index] - second.trajectory.position[:, index]).max())
        if body.name not in switch.bodies and apart > _DRIFT:
            raise refuse(
                first, f"'{body.name}' moves otherwise in the two worlds, by {apart:.2g} m", "other_difference"
            )


def _without_absent(world: World) -> tuple[SceneSpec, Trajectory]:
    spec, trajectory = world.spec, world.trajectory
    for index in sorted(np.flatnonzero(~presence(trajectory).all(axis=0)).tolist(), reverse=True):
        spec, trajectory = spec.without(spec.bodies[index].name), trajectory.without(index)
    return spec, trajectory


def check_same_frames(clips: list[Clip]) -> None:
    """Hold the claim of a quadruplet: at every time AB and BA show the very frames of AA and BB."""
    rgb = {clip.meta.twin.role: clip.rgb for clip in clips if clip.meta.twin is not None}
    for frame in range(len(rgb["AA"])):
        possible, impossible = (
            sorted(rgb[role][frame].tobytes() for role in roles) for roles in (("AA", "BB"), ("AB", "BA"))
        )
        assert possible == impossible, f"frame {frame} of the impossible clips is none of the possible ones"


def neutral_caption(worlds: list[World]) -> str:
    """Say what is there, the same for all clips of a set; what differs between them stays "an object"."""
    told: list[str] = []
    for body in worlds[0].spec.instances:
        index = worlds[0].spec.body_index(body.name)
        others = [world.spec.bodies[index] for world in worlds]
        is_same = all((other.shape, other.appearance) == (body.shape, body.appearance) for other in others)
        if all(presence(world.trajectory)[:, index].all() for world in worlds):
            told.append(describe(body) if is_same else "an object")
    floor = with_article(f"{worlds[0].spec.bodies[0].appearance.color_name} floor")
    words = [_counted(word, count) for word, count in Counter(told).items()]
    return f"{listing(words)} on {floor}" if words else floor


def _counted(words: str, count: int) -> str:
    return words if count == 1 else f"{number_word(count)} {plural(words.split(' ', 1)[1])}"
