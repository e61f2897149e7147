"""Real clips: how often the audit cries wolf over them, and how often it finds what was made impossible in them."""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from scipy import stats

from benchmarks.validity.footage_edits import EDITS, Mover, find_mover
from eval.audit.footage import SIDE, Footage, read_footage
from eval.audit.result import PERMANENCE_KINDS
from eval.audit.video import audit_footage
from eval.inputs import videos_in
from eval.statistics import auroc

Half = Literal["development", "held_out"]

WINDOW = 4.0
"""Length of the stretches that are audited, s."""

MAX_WINDOWS = 6
"""Stretches of one clip, spread over its first minute."""

_SPAN = 60.0
_MIN_FRAMES = 20
_DRAWS = 2000


def is_held_out(clip: str) -> bool:
    """Whether no threshold may be set on a clip: the sha256 of its file name begins with 8 to f."""
    return hashlib.sha256(f"{clip}\n".encode()).hexdigest()[0] >= "8"


def half_of(clip: str) -> Half:
    """Return the half that a clip is in; see ``is_held_out``."""
    return "held_out" if is_held_out(clip) else "development"


@dataclass(frozen=True)
class RealTrial:
    """One stretch of a real clip, as it is (edit "none") or edited.

    Units:
        start:     s
        strength:  of the strongest event that the audit reports, 0..1
        judged:    whether the audit says anything of permanence; it abstains otherwise
        event:     kind of the strongest event, with its time; empty = none
        coverage:  of permanence
        realism:   None = no verdict
        alone:     whether a thing moves alone there, as ``find_mover`` finds it
        seconds:   processor seconds of the audit for a second of video
    """

    clip: str
    start: float
    edit: str
    strength: float
    alarm: bool
    judged: bool
    event: str = ""
    coverage: float = 0.0
    realism: float | None = None
    alone: bool = False
    seconds: float = 0.0


def real_trials(
    folder: Path, progress: Callable[[str], None] | None = None, half: Half | None = None, side: int = SIDE
) -> Iterator[RealTrial]:
    """Audit stretches of every video of a folder, as they are and with every edit that finds a thing to edit.

    Args:
        folder: of videos
        progress: is told what is done next, and why a stretch is not edited
        half: of the clips; by default both
        side: pixels of the longer side that are looked at
    """
    for path in videos_in(folder):
        if half is not None and half_of(path.name) != half:
            continue
        for start, footage in stretches(path, side):
            mover = find_mover(footage.rgb)
            yield _trial(path.name, start, "none", footage, alone=isinstance(mover, Mover))
            if progress is not None:
                progress(f"{path.name} at {start:g} s: {mover if isinstance(mover, str) else 'edited'}")
            if isinstance(mover, str):
                continue
            for name, edit in EDITS.items():
                edited = edit(footage.rgb, mover)
                if not isinstance(edited, str):
                    yield _trial(path.name, start, name, replace(footage, rgb=edited), alone=True)


def stretches(path: Path, side: int = SIDE) -> Iterator[tuple[float, Footage]]:
    """Yield stretches of a clip with their beginnings, s."""
    whole = read_footage(path, 0.0, _SPAN, side=side)
    starts = np.arange(0.0, float(whole.seconds[-1]) + 1e-6, WINDOW)
    inside = [(whole.seconds >= start) & (whole.seconds < start + WINDOW - 1e-6) for start in starts]
    enough = [number for number, chosen in enumerate(inside) if chosen.sum() >= _MIN_FRAMES]
    for place in np.unique(np.linspace(0, len(enough) - 1, min(MAX_WINDOWS, len(enough))).round().astype(int)):
        chosen = inside[enough[place]]
        seconds = whole.seconds[chosen]
        yield float(starts[enough[place]]), replace(whole, rgb=whole.rgb[chosen], seconds=seconds - seconds[0])


def _trial(clip: str, start: float, edit: str, footage: Footage, *, alone: bool) -> RealTrial:
    began = time.process_time()
    audit = audit_footage(footage)
    cost = (time.process_time() - began) / float(footage.seconds[-1])
    verdicts = {True: audit.permanence.value, False: audit.realism.value}
    told = [event for event in audit.events if verdicts[event.kind in PERMANENCE_KINDS] is not None]
    first = told[0] if told else None  # the strongest of the kinds of which there is a verdict, as for the alarm
    event = f"{first.kind} at {first.seconds:.2f} s" if first else ""
    measure = audit.permanence
    return RealTrial(
        clip,
        start,
        edit,
        first.strength if first else 0.0,
        audit.alarm,
        measure.value is not None,
        event,
        measure.coverage,
        audit.realism.value,
        alone,
        cost,
    )


@dataclass(frozen=True)
class Found:
    """How well an edit is found. low, high: 95 %, clips resampled; alarms: share that raise one."""

    auroc: float
    low: float
    high: float
    pairs: int
    clips: int
    alarms: float


@dataclass(frozen=True)
class RealFigures:
    """What the audit makes of real clips.

    false_alarms: share of the stretches as they are that raise an alarm; most: its upper bound, 95 %
    judged: share of the stretches as they are of which the audit says anything
    covered: share of the stretches in which a thing moves alone whose coverage is at least 0.5; alone: their number
    seconds: processor seconds for a second of video, mean over the stretches as they are
    edits: by edit, and all of them but reverse together
    """

    false_alarms: float
    most: float
    stretches: int
    clips: int
    judged: float
    covered: float
    alone: int
    seconds: float
    edits: dict[str, Found]


def real_figures(trials: Sequence[RealTrial]) -> RealFigures:
    """Sum up. An edited stretch is compared with all stretches as they are that could be edited.

    The bound of the rate of false alarms is that of Clopper and Pearson, which takes stretches for independent.

    Raises:
        ValueError: there is no trial.
    """
    plain = [trial for trial in trials if trial.edit == "none"]
    if not plain:
        raise ValueError("no stretch of footage was audited; give a folder with video files of at least a second.")
    edited = {(trial.clip, trial.start) for trial in trials if trial.edit != "none"}
    lawful = [trial for trial in plain if (trial.clip, trial.start) in edited]
    names = [name for name in EDITS if any(trial.edit == name for trial in trials)]
    found = {}
    for name in [*names, "all edits but reverse"] if names else []:
        chosen = [t for t in trials if t.edit == name or (name not in EDITS and t.edit not in ("none", "reverse"))]
        found[name] = _found(lawful, chosen)
    alarms = sum(trial.alarm for trial in plain)
    most = 1.0 if alarms == len(plain) else float(stats.beta.ppf(0.975, alarms + 1, len(plain) - alarms))
    judged = float(np.mean([trial.judged for trial in plain]))
    clips = len({trial.clip for trial in plain})
    alone = [trial.coverage >= 0.5 for trial in plain if trial.alone]
    covered = float(np.mean(alone)) if alone else float("nan")
    cost = float(np.mean([trial.seconds for trial in plain]))
    return RealFigures(alarms / len(plain), most, len(plain), clips, judged, covered, len(alone), cost, found)


def _found(lawful: Sequence[RealTrial], broken: Sequence[RealTrial]) -> Found:
    """AUROC with an interval: clips are drawn with replacement, with all their stretches, lawful and edited."""
    clips = sorted({trial.clip for trial in broken})
    value = auroc(_scores(lawful, None), _scores(broken, None))
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(_DRAWS if len(clips) > 1 else 0):
        chosen = [clips[k] for k in rng.integers(len(clips), size=len(clips))]
        drawn.append(auroc(_scores(lawful, chosen), _scores(broken, chosen)))
    low, high = np.nanquantile(drawn, [0.025, 0.975]) if drawn else (0.0, 1.0)
    alarms = float(np.mean([trial.alarm for trial in broken])) if broken else 0.0
    return Found(value, float(low), float(high), len(broken), len(clips), alarms)


def _scores(trials: Sequence[RealTrial], clips: Sequence[str] | None) -> np.ndarray:
    """Minus the strengths, so that higher is more lawful; of the given clips, as often as they are given."""
    if clips is None:
        return np.array([-trial.strength for trial in trials])
    return np.array([-trial.strength for clip in clips for trial in trials if trial.clip == clip])
