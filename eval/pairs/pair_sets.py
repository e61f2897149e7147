"""The sets of possible and impossible clips of a dataset, and how the violation of each is hidden."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from physics_data.core.clip import Clip, ClipMeta
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError
from physics_data.core.geometry import shape_box
from physics_data.labels.boxes import contained, containers

Setting = Literal["visible", "occluded", "out_of_view", "contained", "carried"]
"""Where the change of a set happens: in sight, behind something, while the camera looks elsewhere, inside a container
that stands, or inside one that is moved."""

_MOVED = 0.5  # container widths sideways that make what is in it carried


@dataclass(frozen=True)
class PairClip:
    """One clip of a set.

    Units:
        severity:   0 = possible, 1 = as wrong as the editor makes it
        violation:  s, from when to when; None for clips that can happen
        frame_rate: Hz
    """

    key: str
    role: str
    is_possible: bool
    severity: float
    violation: tuple[float, float] | None
    frame_rate: float
    num_frames: int


@dataclass(frozen=True)
class PairSet:
    """Clips that differ in whether they can happen. severity: of its impossible clips."""

    set_id: str
    editor: str
    scenario: str
    engine: str
    setting: Setting
    severity: float
    clips: tuple[PairClip, ...]

    @property
    def possible(self) -> tuple[PairClip, ...]:
        """Every clip that can happen, controls included."""
        return tuple(clip for clip in self.clips if clip.is_possible)

    @property
    def impossible(self) -> tuple[PairClip, ...]:
        """Every clip that cannot."""
        return tuple(clip for clip in self.clips if not clip.is_possible)


def read_sets(dataset: ShardDataset, split: str | None = None) -> list[PairSet]:
    """Return the sets of pairs of a dataset (of one split, if given), in order of their name.

    Raises:
        DataError: there is none, or one lacks its possible or its impossible clips.
    """
    members: dict[str, list[int]] = {}
    for position in dataset.select(split=split, source="physics"):
        name = dataset.rows[position].pair_id
        if name is not None:
            members.setdefault(name, []).append(position)
    if not members:
        raise DataError(
            f"{dataset.folder} has no possible/impossible pairs"
            + (f" in split '{split}'" if split else "")
            + "; build one with "
            "'pairs: {editors: [...]}' in the config of 'python -m physics_data build'."
        )
    return [_read_set(dataset, name, positions) for name, positions in sorted(members.items())]


def _read_set(dataset: ShardDataset, name: str, positions: list[int]) -> PairSet:
    metas = [dataset.load_meta(position) for position in positions]
    clips = tuple(_clip_of(meta) for meta in metas)
    first = metas[0]
    assert first.pair is not None and first.spec is not None, "rows with a pair_id are clips of a set"
    impossible = [clip for clip in clips if not clip.is_possible]
    if not impossible or len(impossible) == len(clips):
        kind = "possible" if impossible else "impossible"
        raise DataError(f"set '{name}' of {dataset.folder} has no {kind} clip; build the dataset again.")
    setting: Setting = "visible"
    if first.pair.is_hidden:
        switch = next((m.pair.switch_frame for m in metas if m.pair and m.pair.switch_frame is not None), None)
        shown = [dataset.load(p) for p, clip in zip(positions, clips, strict=True) if clip.is_possible]
        setting = hidden_setting(shown, switch)
    severity = max(clip.severity for clip in impossible)
    return PairSet(name, first.pair.editor, first.spec.scenario, first.engine or "", setting, severity, clips)


def _clip_of(meta: ClipMeta) -> PairClip:
    twin = meta.pair
    assert twin is not None, "rows with a pair_id are clips of a set"
    return PairClip(
        meta.key,
        twin.role,
        twin.is_possible,
        twin.severity,
        twin.violation_seconds,
        meta.frame_rate,
        meta.num_frames,
    )


def hidden_setting(possible: list[Clip], switch_frame: int | None) -> Setting:
    """Return what hides the change of a set at its switch frame, from the clips of it that can happen.

    A body inside a container is carried if the container has moved half its width sideways since the clip began.
    """
    moving = False
    for clip in possible:
        spec, _, trajectory = clip.labelled
        moving |= spec.camera.is_moving
        frame = min(switch_frame or 0, trajectory.num_frames - 1)
        for index in containers(spec):
            if contained(spec, trajectory, index)[frame].any():
                way = trajectory.position[frame, index, :2] - trajectory.position[0, index, :2]
                width = 2 * float(shape_box(spec.bodies[index].shape)[1][:2].max())
                return "carried" if np.linalg.norm(way) > _MOVED * width else "contained"
    return "out_of_view" if moving else "occluded"
