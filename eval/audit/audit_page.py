"""The HTML page of an audited folder: systems, videos, events with their stills; one file without a link elsewhere."""

import base64
from collections.abc import Sequence
from pathlib import Path

import jinja2

from eval.audit.audit_systems import audited_systems
from eval.audit.evidence import MAX_STILLS, STILLS_FOLDER, safe_stem, still_name
from eval.audit.result import VideoAudit
from physics_data.core.atomic import write_text

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
        for number, event in enumerate(audit.events[:MAX_STILLS], start=1):
            path = out / STILLS_FOLDER / still_name(safe_stem(audit.file), number, event)
            if path.is_file():
                caption = f"{audit.file}, {event.seconds:.2f} s: {event.kind.replace('_', ' ')} of thing {event.track}"
                caption += f" ({event.strength:.2f})" + (f"; {event.text}" if event.text else "")
                found.append((event.strength, path, caption))
    found.sort(key=lambda one: -one[0])
    return [(base64.b64encode(path.read_bytes()).decode(), caption) for _, path, caption in found[:MAX_PICTURES]]
