"""Real clips: how often the audit cries wolf over them, and how often it finds what was made impossible in them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.validity.footage_edits import EDITS, find_mover, middle_of
from benchmarks.validity.matrix import auroc
from eval.audit.result import VideoAudit
from eval.audit.video import Footage, audit_footage, read_footage
from physics_data.core.errors import VideoError
from physics_data.core.video import VIDEO_SUFFIXES

WINDOW = 4.0
"""Length of the stretches that are audited, s."""

MOST_WINDOWS = 2
"""Stretches of one clip."""

_LEAST_FRAMES = 20


@dataclass(frozen=True)
class RealTrial:
    """One stretch of a real clip, as it is (edit "none") or edited.

    strength:  of the strongest event that the audit reports, 0..1
    judged:    whether the audit says anything of permanence; it abstains otherwise
    """

    clip: str
    start: float
    edit: str
    strength: float
    alarm: bool
    judged: bool


def real_trials(folder: Path, progress: Callable[[str], None] | None = None) -> list[RealTrial]:
    """Audit stretches of every video of a folder, as they are and with every edit that finds a thing to edit."""
    trials: list[RealTrial] = []
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in VIDEO_SUFFIXES):
        if progress is not None:
            progress(path.name)
        for start, footage in _windows(path):
            trials.append(_trial(path.name, start, "none", audit_footage(footage)))
            mover = find_mover(footage.rgb)
            if isinstance(mover, str):
                continue
            for name, edit in EDITS.items():
                edited = replace(footage, rgb=edit(footage.rgb, mover, middle_of(mover)))
                trials.append(_trial(path.name, start, name, audit_footage(edited)))
    return trials


def _windows(path: Path) -> Iterator[tuple[float, Footage]]:
    for number in range(MOST_WINDOWS):
        try:
            footage = read_footage(path, number * WINDOW, WINDOW)
        except VideoError:
            return  # the clip is over
        if len(footage.rgb) < _LEAST_FRAMES:
            return
        yield number * WINDOW, footage


def _trial(clip: str, start: float, edit: str, audit: VideoAudit) -> RealTrial:
    strength = max((event.strength for event in audit.events), default=0.0)
    return RealTrial(clip, start, edit, strength, audit.alarm, audit.permanence.value is not None)


@dataclass(frozen=True)
class RealFigures:
    """false_alarms: share of the clips as they are; auroc: by edit, over the stretches that have it, and over all.

    pairs: edited stretches by edit; judged: share of the stretches as they are of which the audit says anything.
    """

    false_alarms: float
    stretches: int
    judged: float
    auroc: dict[str, float]
    pairs: dict[str, int]


def real_figures(trials: list[RealTrial]) -> RealFigures:
    """Sum up. An edited stretch is compared with all stretches as they are that could be edited.

    Raises:
        ValueError: there is no trial.
    """
    plain = [trial for trial in trials if trial.edit == "none"]
    if not plain:
        raise ValueError("no stretch of footage was audited; give a folder with video files of at least a second.")
    edited = {(trial.clip, trial.start) for trial in trials if trial.edit != "none"}
    lawful = np.array([-trial.strength for trial in plain if (trial.clip, trial.start) in edited])
    found, pairs = {}, {}
    names = [name for name in EDITS if any(trial.edit == name for trial in trials)]
    for name in [*names, "all edits but reverse"] if names else []:
        broken = [
            -t.strength for t in trials if t.edit == name or (name not in EDITS and t.edit not in ("none", "reverse"))
        ]
        found[name], pairs[name] = auroc(lawful, np.array(broken)), len(broken)
    alarms = float(np.mean([trial.alarm for trial in plain]))
    return RealFigures(alarms, len(plain), float(np.mean([trial.judged for trial in plain])), found, pairs)
