"""Systems side by side, and the HTML page of an audited folder: videos, and events with their stills."""

import base64
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path, PurePosixPath

import jinja2
import numpy as np
from scipy import stats

from eval.audit.evidence import MAX_STILLS, STILLS_FOLDER, safe_stem, still_name
from eval.audit.result import VideoAudit
from eval.statistics import CONFIDENCE
from eval.system_comparison import holm
from physics_data.core.atomic import write_text
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


PAGE_NAME = "report.html"
MAX_PICTURES = 60
"""Stills on the page, of the strongest events; the others lie in the folder of stills."""


def write_audit_page(out: Path, audits: Sequence[VideoAudit]) -> None:
    """Write ``report.html`` of audits whose evidence lies in the same folder.

    Raises:
        StorageError: the disk refused.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    systems, differences = audited_systems(audits)
    html = environment.get_template("audit.html.j2").render(
        audits=sorted(audits, key=lambda audit: (not audit.alarm, -audit.strength, audit.file)),
        systems=systems,
        differences=differences,
        stills=_stills(out, audits),
    )
    write_text(out / PAGE_NAME, html)


def _stills(out: Path, audits: Sequence[VideoAudit]) -> list[tuple[str, str]]:
    """PNG data and caption of the stills of the strongest events."""
    found = []
    for audit in audits:
        for event in audit.events[:MAX_STILLS]:
            path = out / STILLS_FOLDER / still_name(safe_stem(audit.file), event)
            if path.is_file():
                caption = f"{audit.file}, {event.seconds:.2f} s: {event.kind.replace('_', ' ')} of thing {event.track}"
                caption += f" ({event.strength:.2f})" + (f"; {event.text}" if event.text else "")
                found.append((event.strength, path, caption))
    found.sort(key=lambda one: -one[0])
    return [(base64.b64encode(path.read_bytes()).decode(), caption) for _, path, caption in found[:MAX_PICTURES]]
