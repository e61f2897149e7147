"""Two worlds as one clip: where they can be joined unseen, the joined frames and labels, and the checks of a set."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from physics_data.core.clip import Clip, Rendering
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory, true_intervals
from physics_data.editors.editor import Switch, World, refuse
from physics_data.editors.motions import presence
from physics_data.pipeline.captions import listing, number_word, plural, with_article
from physics_data.pipeline.clearance import gap
from physics_data.pipeline.quality import MAX_ENERGY_GROWTH, MAX_PENETRATION, energy_growth, penetration
from physics_data.scenarios.shared.scenario import describe

_PER_FRAME = (
    "rgb",
    "instance_ids",
    "depth_map",
    "amodal_masks",
    "normal_map",
    "object_coordinates",
)
_FLOWS = ("optical_flow", "backward_flow")

LEAST_CHANGE = 0.003
"""Share of the pixels of a frame that has to differ for a difference to be seen."""

LEAST_LEVEL = 12
"""A pixel that differs by less than this in every channel looks the same, sRGB bytes."""


@dataclass(frozen=True)
class Cut:
    """Where one world becomes another: the second one has the frames from ``frame`` on.

    first_frame, last_frame: of the interval in which it happens: all frames in which nobody sees it, or the two
    beside a cut that is seen
    """

    frame: int
    first_frame: int
    last_frame: int


def same_frames(first: Rendering, second: Rendering) -> Bool[np.ndarray, "t"]:
    """Return in which frames two worlds look the same to the byte, and have the same ids and depth."""
    same = np.ones(len(first.rgb), dtype=bool)
    for name in ("rgb", "instance_ids", "depth_map"):
        a, b = getattr(first, name), getattr(second, name)
        same &= (a == b).reshape(len(a), -1).all(axis=1)
    return same


def out_of_sight(spec: SceneSpec, bodies: tuple[str, ...], *renderings: Rendering) -> Bool[np.ndarray, "t"]:
    """Return in which frames no pixel of some bodies is visible in any of the worlds."""
    ids = [number + 1 for number, body in enumerate(spec.instances) if body.name in bodies]
    seen = [np.isin(rendering.instance_ids, ids).any(axis=(1, 2)) for rendering in renderings]
    return ~np.any(seen, axis=0)


def visibly_differ(first: Rendering, second: Rendering) -> Bool[np.ndarray, "t"]:
    """Return in which frames one can see that two worlds differ."""
    apart = np.abs(first.rgb.astype(np.int16) - second.rgb).max(axis=-1) >= LEAST_LEVEL
    return np.asarray(apart.mean(axis=(1, 2)) >= LEAST_CHANGE)


def hidden_cut(
    spec: SceneSpec,
    bodies: tuple[str, ...],
    first: Rendering,
    second: Rendering,
    rng: np.random.Generator | None = None,
) -> Cut | None:
    """Return a frame of the longest interval in which what differs is out of sight and leaves no trace.

    A drawn one, or its middle without ``rng``. In both worlds, that is, and to the byte. None without one that lies
    between two times at which one sees that the worlds differ.
    """
    differ = np.flatnonzero(visibly_differ(first, second))
    if not len(differ):
        return None
    hidden = out_of_sight(spec, bodies, first, second) & same_frames(first, second)
    intervals = [(start, end - 1) for start, end in true_intervals(hidden)]
    found = [(start, end) for start, end in intervals if differ[0] < start and end < differ[-1]]
    if not found:
        return None
    start, end = max(found, key=lambda run: (run[1] - run[0], -run[0]))
    frame = (start + end) // 2 + 1 if rng is None else int(rng.integers(start + 1, max(end, start + 1), endpoint=True))
    return Cut(frame, start, end)


def open_cut(
    spec: SceneSpec, bodies: tuple[str, ...], first: Rendering, second: Rendering, rng: np.random.Generator
) -> Cut | None:
    """Draw a frame near the middle of the clip, around which everybody sees the difference; None without one."""
    ids = [number for number, body in enumerate(spec.instances) if body.name in bodies]
    seen = np.ones(len(first.rgb), dtype=bool)
    for number in ids:
        fractions = [rendering.visible_fraction()[:, number] for rendering in (first, second)]
        there = [rendering.amodal_masks[:, number].any(axis=(1, 2)) for rendering in (first, second)]
        seen &= np.maximum(*fractions) > 0.7
        seen &= ~there[0] | (fractions[0] > 0.7)
        seen &= ~there[1] | (fractions[1] > 0.7)
    seen &= visibly_differ(first, second)
    count = len(seen)
    frames = [k for k in range(round(0.3 * count), round(0.7 * count) + 1) if 0 < k < count and seen[k - 1] and seen[k]]
    if not frames:
        return None
    frame = int(rng.choice(frames))
    return Cut(frame, frame - 1, frame)


def joined_rendering(
    spec: SceneSpec, bodies: tuple[str, ...], first: Rendering, second: Rendering, frame: int
) -> Rendering:
    """Return the frames of one world before a frame and those of another from there on, with their labels.

    Where the cut shows, flow across it is marked as unseen at the bodies that change, and wherever the frame that it
    leads to shows another instance there.
    """
    arrays = {}
    for name in _PER_FRAME:
        before, after = getattr(first, name), getattr(second, name)
        arrays[name] = None if before is None else np.concatenate([before[:frame], after[frame:]])
    is_seamless = bool(same_frames(first, second)[frame - 1])
    changed = [number + 1 for number, body in enumerate(spec.instances) if body.name in bodies]
    for name in _FLOWS:
        flows = [getattr(rendering, name) for rendering in (first, second)]
        seen = [getattr(rendering, f"{name}_seen") for rendering in (first, second)]
        if flows[0] is None:
            arrays |= {name: None, f"{name}_seen": None}
            continue
        # The pair across the cut starts (or, backwards, ends) in a frame that is the first world's.
        source = 1 if is_seamless or name == "backward_flow" else 0
        across, sight = flows[source][frame - 1], seen[source][frame - 1]
        if not is_seamless:
            ids = [first.instance_ids[frame - 1], second.instance_ids[frame]]
            here, there = ids if name == "optical_flow" else ids[::-1]
            sight = sight & _same_instance(across, here, there) & ~np.isin(here, changed)
        arrays[name] = np.concatenate([flows[0][: frame - 1], across[None], flows[1][frame:]])
        arrays[f"{name}_seen"] = np.concatenate([seen[0][: frame - 1], sight[None], seen[1][frame:]])
    return Rendering(**arrays)


def _same_instance(flow: np.ndarray, here: np.ndarray, there: np.ndarray) -> Bool[np.ndarray, "h w"]:
    """Return which pixels lead to a pixel of the same instance."""
    height, width = here.shape
    rows, columns = np.indices(here.shape)
    x = np.floor(columns + 0.5 + flow[..., 0]).astype(np.int64)
    y = np.floor(rows + 0.5 + flow[..., 1]).astype(np.int64)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return inside & (there[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)] == here)


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
    rgb = {clip.meta.pair.role: clip.rgb for clip in clips if clip.meta.pair is not None}
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
