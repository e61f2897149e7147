"""What an audit of a video says, ready for JSON, and one audit of a long video from those of its windows."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from physics_data.core.config import StrictModel

MotionKind = Literal["energy_gain", "hover", "stays_up", "turns_back", "dead_stop", "slow_fall", "wrong_gravity"]
EventKind = (
    Literal["vanish", "appear", "duplicate", "teleport", "blink", "color_swap", "size_jump", "growth", "split"]
    | MotionKind
)

PERMANENCE_KINDS: tuple[EventKind, ...] = (
    "vanish",
    "appear",
    "duplicate",
    "teleport",
    "blink",
    "color_swap",
    "size_jump",
    "growth",
    "split",
)
"""Events that break object permanence; the others break the laws of motion."""


def ramp(value: float, limits: tuple[float, float]) -> float:
    """Rise from 0 at the first limit to 1 at the second, which may be the smaller one."""
    low, high = limits
    return float(np.clip((value - low) / (high - low), 0.0, 1.0))


class Event(StrictModel):
    """Something that cannot happen, or looks like it.

    seconds:   when, from the first frame
    track:     number of the thing
    x, y:      where, shares of the width and height
    strength:  how sure, 0..1
    text:      the figures, where there are any
    """

    kind: EventKind
    seconds: float
    track: str
    x: float
    y: float
    strength: float
    text: str = ""


FindingKind = Literal["still", "held_then_jumps", "held_then_goes_on", "padded", "cut", "drift", "slow_motion"]


class Finding(StrictModel):
    """Something about the video as a whole that is no alarm: it stands still, its rate is padded, it is cut.

    seconds:  when, from the first frame
    text:     what was found, for people
    """

    kind: FindingKind
    seconds: float
    text: str


class Measure(StrictModel):
    """One figure of an audit.

    value:     1 = nothing is wrong, 0 = certainly something is; None = the audit abstains
    coverage:  share of what would have to be judged that could be
    reason:    why it abstains or covers little; empty where it does not
    """

    value: float | None
    coverage: float
    reason: str = ""


class MotionRecord(StrictModel):
    """How one thing moved: which law describes it best.

    model:          the law of the shortest description; "none" = no law describes it to within its outline's unrest
    residual:       root mean square distance from that law, diameters
    seconds:        how long
    restitutions:   speed after over speed before each impact off something below that could be judged, in order, 1
    acceleration:   mean acceleration along image x and y (down) of the longest stretch between sudden turns
    error:          its standard error along one axis
    unit:           of both: "px/s²", pixels of the file, or "m/s²" where a scale is given
    period:         of small swings, s; None for laws without one
    """

    track: str
    model: Literal["rest", "constant_velocity", "constant_acceleration", "friction", "oscillation", "pendulum", "none"]
    residual: float
    seconds: float
    restitutions: tuple[float, ...] = ()
    acceleration: tuple[float, float] | None = None
    error: float | None = None
    unit: Literal["px/s²", "m/s²"] = "px/s²"
    period: float | None = None


class VideoAudit(StrictModel):
    """The audit of one video.

    moved:       path lengths of all things, picture heights; 0 = nothing moved, and no other figure means anything
    moving:      share of the frames in which something moved, 1
    permanence:  do things stay what and where they are
    realism:     do things move as unaided things do
    flicker:     mean change of the still background from frame to frame, grey levels
    findings:    what is no alarm but should be known: stillness, held pictures, padded rates, cuts
    alarm:       whether an event is stronger than the threshold
    num_conditioning_frames:  first frames of the file, given to a model: looked at, but not judged
    """

    file: str
    sha256: str
    seconds: float
    frame_rate: float
    height: int
    width: int
    things: int
    camera: Literal["still", "shaking", "moving", "unknown"]
    moved: float
    moving: float
    permanence: Measure
    realism: Measure
    flicker: float
    kinks_per_second: float
    events: tuple[Event, ...]
    motions: tuple[MotionRecord, ...]
    alarm: bool
    findings: tuple[Finding, ...] = ()
    num_conditioning_frames: int = 0
    error: str = ""

    @property
    def strength(self) -> float:
        """Of the strongest event, 0 without one: how sure the audit is that something is wrong."""
        return max((event.strength for event in self.events), default=0.0)


def merged(audits: Sequence[VideoAudit]) -> VideoAudit:
    """Merge the audits of the windows of one video, in their order; events keep their times.

    A measure is the mean over the windows that have a verdict, by their length, but at most one minus the strongest
    event in them. Its coverage is the mean over all.
    """
    if len(audits) == 1:
        return audits[0]
    ends = [audit.seconds for audit in audits]
    weights = np.diff([0.0, *ends])
    events = tuple(sorted((event for audit in audits for event in audit.events), key=lambda event: -event.strength))
    still = all(any(finding.kind == "still" for finding in audit.findings) for audit in audits)
    findings = [finding for audit in audits for finding in audit.findings if finding.kind != "still"]
    if still:
        findings += [finding for finding in audits[0].findings if finding.kind == "still"]
    moved = {audit.camera for audit in audits}

    def mean(of: Callable[[VideoAudit], float]) -> float:
        return float(np.average([of(audit) for audit in audits], weights=weights))

    return audits[0].model_copy(
        update={
            "seconds": ends[-1],
            "things": sum(audit.things for audit in audits),
            "camera": next(kind for kind in ("moving", "unknown", "shaking", "still") if kind in moved),
            "moved": sum(audit.moved for audit in audits),
            "moving": mean(lambda audit: audit.moving),
            "permanence": _measure(audits, weights, [audit.permanence for audit in audits], permanence=True),
            "realism": _measure(audits, weights, [audit.realism for audit in audits], permanence=False),
            "flicker": mean(lambda audit: audit.flicker),
            "kinks_per_second": mean(lambda audit: audit.kinks_per_second),
            "events": events,
            "motions": tuple(motion for audit in audits for motion in audit.motions),
            "alarm": any(audit.alarm for audit in audits),
            "findings": tuple(sorted(findings, key=lambda finding: finding.seconds)),
        }
    )


def _measure(
    audits: Sequence[VideoAudit], weights: np.ndarray, measures: Sequence[Measure], *, permanence: bool
) -> Measure:
    coverage = float(np.average([measure.coverage for measure in measures], weights=weights))
    judged = [k for k, measure in enumerate(measures) if measure.value is not None]
    if not judged:
        return Measure(value=None, coverage=coverage, reason=measures[0].reason)
    value = float(np.average([measures[k].value or 0.0 for k in judged], weights=weights[judged]))
    worst = max(
        (e.strength for k in judged for e in audits[k].events if (e.kind in PERMANENCE_KINDS) == permanence),
        default=0.0,
    )
    reason = "" if coverage >= 0.5 else "most of what moves is not followed, or begins or ends in crowds or unseen"
    return Measure(value=min(value, 1 - worst), coverage=coverage, reason=reason)
