"""Generated clips that a person has labelled: does the audit find what is wrong with them, and for the right reason?"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.validity.footage import Half, RealTrial, half_of
from eval.audit.footage import SIDE, AuditOptions
from eval.audit.result import PERMANENCE_KINDS, VideoAudit
from eval.audit.video import ALARM, audit_video
from eval.inputs import videos_in
from eval.statistics import auroc
from physics_data.scenes.source_lines import read_source

RIGHT: dict[str, tuple[str, ...]] = {
    "count": ("vanish", "appear", "duplicate", "teleport", "blink", "split"),
    "look": ("color_swap", "size_jump", "growth", "drift"),
    "motion": (
        "energy_gain",
        "hover",
        "stays_up",
        "turns_back",
        "dead_stop",
        "slow_fall",
        "wrong_gravity",
        "still",
    ),
}
"""What a person saw → the events and findings that say so."""


@dataclass(frozen=True)
class GeneratedTrial:
    """The audit of one clip.

    real:     whether it is a real one
    found:    kinds of its alarms, and of its findings that say that something is wrong
    right:    whether one of them is what a person saw; of a real clip, whether there are none
    realism:  None = no verdict
    """

    clip: str
    real: bool
    found: tuple[str, ...]
    right: bool
    realism: float | None


def labels() -> dict[str, tuple[str, ...]]:
    """Return what a person saw in each generated clip, by the stem of its file."""
    data = read_source(Path(__file__).parent / "generated_labels.yaml").data
    return {name: tuple(entry["seen"]) for name, entry in data.items()}


def generated_trials(
    folder: Path, progress: Callable[[str], None] | None = None, half: Half | None = None, side: int = SIDE
) -> Iterator[GeneratedTrial]:
    """Audit every labelled clip of a folder and its subfolders, and those of ``real``; others are left out, and told.

    Args:
        folder: of videos
        progress: is told what is done
        half: of the clips; by default both
        side: pixels of the longer side that are looked at
    """
    seen = labels()
    for path in videos_in(folder, recursive=True):
        real = path.parent.name == "real"
        if half is not None and half_of(path.name) != half:
            continue
        if not real and path.stem not in seen:
            if progress is not None:
                progress(f"{path.name}: nobody labelled it; left out")
            continue
        audit = audit_video(path, options=AuditOptions(side=side))
        found = reported(audit)
        right = not found if real else any(kind in RIGHT[label] for label in seen[path.stem] for kind in found)
        if progress is not None:
            progress(f"{path.name}: {', '.join(found) or 'nothing found'}")
        yield GeneratedTrial(path.name, real, found, right, audit.realism.value)


def reported(audit: VideoAudit) -> tuple[str, ...]:
    """Return the kinds of events that raise an alarm, and of findings that say that something is wrong."""
    verdict = {True: audit.permanence.value is not None, False: audit.realism.value is not None}
    events = [e.kind for e in audit.events if e.strength >= ALARM and verdict[e.kind in PERMANENCE_KINDS]]
    findings = [finding.kind for finding in audit.findings if finding.kind in ("still", "drift")]
    return tuple(sorted({*events, *findings}))


@dataclass(frozen=True)
class GeneratedFigures:
    """What the audit makes of generated clips.

    right:    share of the generated clips in which it finds what a person saw
    quiet:    share of the real ones in which it finds nothing
    realism:  AUROC of real against generated clips that have a verdict; NaN where one of the two has none
    """

    right: float
    generated: int
    quiet: float
    real: int
    realism: float
    judged_real: int
    judged_generated: int


def generated_figures(trials: Sequence[GeneratedTrial], real: Sequence[RealTrial] = ()) -> GeneratedFigures:
    """Sum up; the stretches of real clips as they are count as real for the AUROC of realism."""
    made, lawful = [t for t in trials if not t.real], [t for t in trials if t.real]
    high = [t.realism for t in (*lawful, *(t for t in real if t.edit == "none")) if t.realism is not None]
    low = [t.realism for t in made if t.realism is not None]
    value = auroc(np.array(high), np.array(low)) if high and low else float("nan")
    shares = [float(np.mean([t.right for t in group])) if group else float("nan") for group in (made, lawful)]
    return GeneratedFigures(shares[0], len(made), shares[1], len(lawful), value, len(high), len(low))
