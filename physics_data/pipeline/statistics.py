"""What a dataset holds: counts, distributions and correlations.

Correlations show what a model could learn in place of physics. Where every ball that rolls to the right starts on the
left, or all collisions lie in the middle of the picture, a model that has learned just this scores well on other draws
of the same scenario.
"""

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import get_args

import numpy as np
from jaxtyping import Bool, Float

from physics_data.core.clip import ClipMeta, Split
from physics_data.core.conventions import clip_generator
from physics_data.core.dataset import ShardDataset, read_manifests, shard_names
from physics_data.core.geometry import views_of
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.engines import ENGINES
from physics_data.pipeline.build import count_draws
from physics_data.renderers import RENDERERS
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.shared.scenario import SceneSettings


@dataclass
class DatasetStatistics:
    """What a dataset holds.

    clips:        by scenario (or source), engine and split
    events:       clips with at least one such event, by scenario and kind
    outcomes:     clips by scenario and the order of what happens, e.g. "contact, bounce"
    pairs:        clips by editor and role
    drawn:        draws by scenario and engine, rejected ones included
    rejections:   rejected draws by scenario, engine and reason
    """

    clips: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    events: Counter[tuple[str, str]] = field(default_factory=Counter)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    drawn: Counter[tuple[str, str]] = field(default_factory=Counter)
    rejections: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    @property
    def sources(self) -> list[tuple[str, str]]:
        """The scenarios (or sources) with their engines."""
        return sorted({(name, engine) for name, engine, _ in self.clips})

    @property
    def splits(self) -> list[str]:
        """The splits that have clips."""
        there = {split for *_, split in self.clips}
        return [split for split in get_args(Split) if split in there]

    @property
    def event_kinds(self) -> list[str]:
        """The kinds of events that occur."""
        return sorted({kind for _, kind in self.events})


def dataset_statistics(dataset: ShardDataset) -> DatasetStatistics:
    """Count clips, events, outcomes, pairs and rejected draws of a dataset."""
    counted = DatasetStatistics()
    for position, row in enumerate(dataset.rows):
        name = row.scenario or row.source
        counted.clips[name, row.engine or "-", row.split] += 1
        meta = dataset.load_meta(position)
        if meta.pair is not None:
            counted.pairs[meta.pair.editor, meta.pair.role] += 1
        if meta.source == "physics":
            counted.events.update((name, kind) for kind in {event.kind for event in meta.events})
            counted.outcomes[name, outcome(meta)] += 1
    for record in read_manifests(dataset.folder, shard_names(dataset.folder)):
        if record is not None and "drawn" in record:
            count_draws(record, counted.drawn, counted.rejections)
    return counted


def outcome(meta: ClipMeta) -> str:
    """Return what happens in a clip in the order in which each kind of event first does; "nothing" without events."""
    return ", ".join(dict.fromkeys(event.kind for event in meta.events)) or "nothing"


MOST_CORRELATED = 0.5
"""A correlation above this, in absolute value, is flagged."""

QUANTITIES = {
    "start_x": "column of the moving object in the first frame, picture widths",
    "velocity_x": "of its column, from the first frame to the second, picture widths/s",
    "speed": "of it in the world, m/s",
    "contact_x": "column of the first contact that begins in the clip, picture widths",
    "contact_time": "of the same contact, share of the clip",
    "depth_motion": "range of the object's distance along the line of sight, m",
    "start_depth": "where it starts across the plane of the picture (world y), m",
    "area": "of the largest object in the first frame, share of the picture",
    "fov": "vertical field of view, degrees",
    "azimuth": "of the camera about its target from the side view, degrees",
    "camera_height": "m",
}
"""Quantity → its meaning and unit. They are NaN where a clip has none."""

LINKED = ("start_x", "velocity_x", "speed", "contact_x", "contact_time", "depth_motion", "area")
"""The quantities between which correlations are computed."""

LEAST_SPREAD = {"contact_x": 0.05, "contact_time": 0.05, "depth_motion": 0.02, "fov": 0.5, "azimuth": 1.0}
"""Quantity → standard deviation below which it is flagged as constant: a twentieth of the picture or of the clip, 2 cm,
and what turns or scales the picture by a pixel of 64."""


@dataclass(frozen=True)
class BiasReport:
    """Of one scenario: quantity → values of all clips; pairs with |r| above MOST_CORRELATED; constant quantities."""

    scenario: str
    values: dict[str, Float[np.ndarray, "n"]]

    def correlations(self) -> dict[tuple[str, str], float]:
        """Return Pearson's r of every two quantities that at least 8 clips have and that vary."""
        found = {}
        for first, second in itertools.combinations(LINKED, 2):
            a, b = self.values[first], self.values[second]
            both = np.isfinite(a) & np.isfinite(b)
            if both.sum() >= 8 and min(a[both].std(), b[both].std()) > 1e-9:
                found[first, second] = float(np.corrcoef(a[both], b[both])[0, 1])
        return found

    def links(self) -> dict[tuple[str, str], float]:
        """Return the correlations that are flagged."""
        return {pair: r for pair, r in self.correlations().items() if abs(r) > MOST_CORRELATED}

    def constants(self) -> list[str]:
        """Return the quantities that hardly vary, of those that at least 8 clips have."""
        finite = {name: values[np.isfinite(values)] for name, values in self.values.items()}
        return [name for name, least in LEAST_SPREAD.items() if len(finite[name]) >= 8 and finite[name].std() < least]

    def rows(self) -> dict[str, tuple[int, float, float, float, float, float]]:
        """Return quantity → number of clips that have it, mean, standard deviation, 5th, 50th and 95th percentile."""
        rows = {}
        for name, values in self.values.items():
            finite = values[np.isfinite(values)]
            if len(finite):
                percentiles = (float(value) for value in np.percentile(finite, (5, 50, 95)))
                rows[name] = (len(finite), float(finite.mean()), float(finite.std()), *percentiles)
        return rows


def biases(clips: Iterable[tuple[SceneSpec, Trajectory, Bool[np.ndarray, "o h w"]]]) -> list[BiasReport]:
    """Return a report of every scenario of some clips: scene, motion and amodal masks of the first frame."""
    gathered: dict[str, list[dict[str, float]]] = {}
    for spec, trajectory, masks in clips:
        gathered.setdefault(spec.scenario, []).append(quantities(spec, trajectory, masks))
    return [
        BiasReport(name, {quantity: np.array([row[quantity] for row in rows]) for quantity in QUANTITIES})
        for name, rows in sorted(gathered.items())
    ]


def dataset_clips(dataset: ShardDataset) -> Iterator[tuple[SceneSpec, Trajectory, Bool[np.ndarray, "o h w"]]]:
    """Yield the physics clips of a dataset that can happen, as ``biases`` takes them."""
    for position, row in enumerate(dataset.rows):
        if row.scenario:
            clip = dataset.load(position)
            if clip.meta.pair is None or clip.meta.pair.is_possible:
                spec, rendering, trajectory = clip.labelled
                yield spec, trajectory, rendering.amodal_masks[0]


def drawn_clips(
    scenario_name: str, count: int, settings: SceneSettings, seed: int = 0
) -> Iterator[tuple[SceneSpec, Trajectory, Bool[np.ndarray, "o h w"]]]:
    """Draw, simulate and render scenes of a scenario, as ``biases`` takes them, on the first engine that it claims."""
    scenario, renderer = SCENARIOS.get(scenario_name)(), RENDERERS.get("raycast")()
    engine = ENGINES.get(scenario.engines[0])()
    for index in range(count):
        spec = scenario.sample(clip_generator(seed, scenario_name, index), settings, seed, index)
        trajectory = engine.simulate(spec)
        yield spec, trajectory, renderer.render(spec, trajectory, ()).amodal_masks[0]


def quantities(spec: SceneSpec, trajectory: Trajectory, masks: Bool[np.ndarray, "o h w"]) -> dict[str, float]:
    """Return the quantities of one clip; see ``QUANTITIES``."""
    views, found = views_of(spec), dict.fromkeys(QUANTITIES, math.nan)
    objects = [k for k, body in enumerate(spec.bodies) if body.role == "object" and body.is_dynamic]
    if objects:
        speeds = np.linalg.norm(trajectory.linear_velocity[0, objects], axis=1)
        mover = objects[int(np.argmax(speeds))]
        way = np.array([views[k].project(p) for k, p in enumerate(trajectory.position[:, mover])])
        # A camera that moves carries the picture along: velocities are those in the first view.
        second = views[0].project(trajectory.position[1, mover])
        found |= {
            "start_x": float(way[0, 0]) / spec.width,
            "velocity_x": float(second[0] - way[0, 0]) * spec.frame_rate / spec.width,
            "speed": float(speeds.max()),
            "depth_motion": float(np.ptp(way[:, 2])),
            "start_depth": float(trajectory.position[0, mover, 1]),
        }
    contact = _first_contact(spec, trajectory, objects)
    if contact is not None:
        seconds, point = contact
        frame = min(round(seconds * spec.frame_rate), spec.num_frames - 1)
        found["contact_x"] = float(views[frame].project(point)[0]) / spec.width
        found["contact_time"] = seconds / spec.seconds[-1]
    roles = [body.role for body in spec.instances]
    areas = [float(mask.mean()) for mask, role in zip(masks, roles, strict=True) if role == "object"]
    found["area"] = max(areas, default=math.nan)
    away = np.subtract(spec.camera.position, spec.camera.target)
    found |= {
        "fov": spec.camera.fov_y,
        "azimuth": math.degrees(math.atan2(float(away[0]), -float(away[1]))),
        "camera_height": spec.camera.position[2],
    }
    return found


def _first_contact(
    spec: SceneSpec, trajectory: Trajectory, objects: list[int]
) -> tuple[float, Float[np.ndarray, "3"]] | None:
    """Return time (s) and point (m) of the first contact of an object that is not one of the first frame interval.

    Contacts between two objects come before those with the floor or other things.
    """
    contacts = trajectory.contacts
    pairs = np.stack([contacts.body_a, contacts.body_b], axis=1)
    from_start = {tuple(pair) for pair in pairs[contacts.frame_index <= 1].tolist()}
    begins = np.array([tuple(pair) not in from_start for pair in pairs.tolist()], dtype=bool)
    count = np.isin(pairs, objects).sum(axis=1)
    for wanted in (2, 1):
        rows = np.flatnonzero(begins & (count == wanted))
        if len(rows):
            row = rows[int(np.argmin(contacts.seconds[rows]))]
            return float(contacts.seconds[row]), contacts.point[row]
    return None
