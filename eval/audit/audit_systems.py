"""Systems side by side: how often each raises an alarm, how much could be judged, and whether two differ."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import PurePosixPath

import numpy as np
from scipy import stats

from eval.audit.result import VideoAudit
from eval.statistics import CONFIDENCE, holm
from physics_data.core.config import StrictModel


class AuditedSystem(StrictModel):
    """The audits of one folder.

    alarms:      fraction of the videos that raise an alarm; low, high: 95 % interval of Clopper and Pearson
    measured:    fraction of the videos of whose permanence there is a verdict
    permanence:  mean, where a video without a verdict counts as the worst, 0
    realism:     the same for realism; realism_measured: the fraction with a verdict
    """

    name: str
    videos: int
    alarms: float
    low: float
    high: float
    measured: float
    permanence: float
    realism_measured: float
    realism: float


class AuditDifference(StrictModel):
    """Two systems on the videos of the same name. p: exact McNemar test of the alarms, Holm over all pairs."""

    first: str
    second: str
    videos: int
    only_first: int
    only_second: int
    p: float


def audited_systems(audits: Sequence[VideoAudit]) -> tuple[list[AuditedSystem], list[AuditDifference]]:
    """Group audits by the folder of their file, and compare every two folders that share names of files."""
    groups: dict[str, dict[str, VideoAudit]] = {}
    for audit in audits:
        path = PurePosixPath(audit.file)
        groups.setdefault(path.parent.as_posix(), {})[path.stem] = audit
    systems = [_system(name, list(members.values())) for name, members in sorted(groups.items())]
    pairs = []
    for first, second in combinations(sorted(groups), 2):
        shared = sorted(groups[first].keys() & groups[second].keys())
        if not shared:
            continue
        one = np.array([groups[first][stem].alarm for stem in shared])
        two = np.array([groups[second][stem].alarm for stem in shared])
        only_first, only_second = int((one & ~two).sum()), int((two & ~one).sum())
        differing = only_first + only_second
        p = float(stats.binomtest(only_first, differing).pvalue) if differing else 1.0
        pairs.append((first, second, len(shared), only_first, only_second, p))
    adjusted = holm([pair[-1] for pair in pairs])
    names = ("first", "second", "videos", "only_first", "only_second")
    differences = [
        AuditDifference(**dict(zip(names, pair[:-1], strict=True)), p=p)  # pyright: ignore[reportArgumentType]
        for pair, p in zip(pairs, adjusted, strict=True)
    ]
    return systems, differences


def _system(name: str, audits: Sequence[VideoAudit]) -> AuditedSystem:
    count, alarms = len(audits), sum(audit.alarm for audit in audits)
    tail = (1 - CONFIDENCE) / 2
    low = 0.0 if alarms == 0 else float(stats.beta.ppf(tail, alarms, count - alarms + 1))
    high = 1.0 if alarms == count else float(stats.beta.ppf(1 - tail, alarms + 1, count - alarms))
    permanence = [audit.permanence.value for audit in audits]
    realism = [audit.realism.value for audit in audits]
    return AuditedSystem(
        name=name,
        videos=count,
        alarms=alarms / count,
        low=low,
        high=high,
        measured=float(np.mean([value is not None for value in permanence])),
        permanence=float(np.mean([value or 0.0 for value in permanence])),
        realism_measured=float(np.mean([value is not None for value in realism])),
        realism=float(np.mean([value or 0.0 for value in realism])),
    )
