"""One audit of a long video from those of its windows."""

from collections.abc import Callable, Sequence

import numpy as np

from eval.audit.result import PERMANENCE_KINDS, Measure, VideoAudit


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
            "camera": moved.pop() if len(moved) == 1 else "moving" if "moving" in moved else "unknown",
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
