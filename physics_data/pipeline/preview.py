"""What a dataset looks like: a page with its clips, labels, energies and counts, or a contact sheet."""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import jinja2
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from physics_data.core.atomic import atomic_path, write_text
from physics_data.core.clip import Clip, ClipMeta
from physics_data.core.dataset import ShardDataset, read_record
from physics_data.core.display import contact_sheet
from physics_data.core.mechanics import kinetic_energy, potential_energy
from physics_data.pipeline.overlays import depth_picture, draw_labels, enlarge, id_picture
from physics_data.pipeline.statistics import DatasetStatistics, dataset_statistics

SHOWN_HEIGHT = 192
"""Clips are shown about this high, pixels."""

SHOWN_OUTCOMES = 4
"""Outcomes of a scenario that the page lists."""


@dataclass(frozen=True)
class Card:
    """One clip on the page: its record, and drawings of it ready to be put in."""

    meta: ClipMeta
    video: str
    labels: str | None
    energy: str | None


@dataclass(frozen=True)
class SheetLayout:
    """How a contact sheet looks.

    labels:  whether instance ids and depth are drawn under each clip
    frames:  of each clip, evenly spaced
    across:  clips side by side; None = as many as make the sheet about as wide as high
    names:   whether only the scenario stands over a clip, in place of its key and caption
    """

    labels: bool = False
    frames: int = 9
    across: int | None = None
    names: bool = False


def write_sheet(
    dataset: ShardDataset, positions: Sequence[int], out: Path, count: int, layout: SheetLayout | None = None
) -> int:
    """Write a PNG with some clips as rows of frames, and return how many there are."""
    layout = layout or SheetLayout()
    chosen = spread(positions, count)
    videos, captions = [], []
    for position in chosen:
        clip = dataset.load(position)
        videos.append(clip.rgb)
        name = dataset.rows[position].scenario if layout.names else None
        captions.append(name or f"{clip.meta.key}: {clip.meta.caption or '(no caption)'}")
        if layout.labels and clip.rendering is not None:
            videos += [id_picture(clip.rendering.instance_ids), depth_picture(clip.rendering.depth_map)]
            captions += ["instance ids", "depth (near = light)"]
    with atomic_path(out) as partial:
        together = len(videos) // len(chosen) if len(videos) % len(chosen) == 0 else 1
        sheet = contact_sheet(videos, captions, columns=layout.frames, across=layout.across, together=together)
        Image.fromarray(sheet).save(partial, optimize=True)
    return len(chosen)


def write_gallery(
    dataset: ShardDataset,
    positions: Sequence[int],
    out: Path,
    count: int,
    on_clip: Callable[[], None] = lambda: None,
) -> int:
    """Write a page that needs no other file, and return how many clips it shows.

    Clips are spread over scenarios and engines; of pairs, whole sets are shown side by side.
    """
    plain = [position for position in positions if dataset.rows[position].pair_id is None]
    sets: dict[str, list[int]] = {}
    for position in positions:
        if (pair_id := dataset.rows[position].pair_id) is not None:
            sets.setdefault(pair_id, []).append(position)
    cards = []
    for position in spread(_by_source(dataset, plain), count if not sets else max(1, count // 2)) if plain else []:
        cards.append(_card(dataset.load(position)))
        on_clip()
    pairs = []
    left = count - len(cards)
    for members in _spread_sets(sets, left):
        pairs.append([_card(dataset.load(position)) for position in members])
        for _ in members:
            on_clip()
    record = read_record(dataset.folder)
    statistics = dataset_statistics(dataset)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=jinja2.select_autoescape(["html.j2", "html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("gallery.html.j2").render(
        dataset=dataset,
        record=record,
        cards=cards,
        pairs=pairs,
        statistics=statistics,
        outcomes=_outcomes(statistics),
        shown=len(cards) + sum(map(len, pairs)),
    )
    write_text(out, page)
    return len(cards) + sum(map(len, pairs))


def spread(positions: Sequence[int], count: int) -> list[int]:
    """Return at most ``count`` of the positions, evenly spread, first and last included."""
    places = np.linspace(0, len(positions) - 1, min(count, len(positions))).round().astype(int)
    return [positions[place] for place in places]


def animation(video: UInt8[np.ndarray, "t h w 3"], frame_rate: float) -> str:
    """Return a video as the address of an animated picture that holds its bytes."""
    pictures = [Image.fromarray(frame) for frame in video]
    buffer = io.BytesIO()
    options = {"duration": round(1000 / frame_rate), "loop": 0, "quality": 82, "method": 3}
    pictures[0].save(buffer, format="WEBP", save_all=True, append_images=pictures[1:], **options)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def _card(clip: Clip) -> Card:
    scale = max(1, round(SHOWN_HEIGHT / clip.meta.height))
    video = animation(enlarge(clip.rgb, scale), clip.meta.frame_rate)
    if clip.rendering is None:
        return Card(clip.meta, video, None, None)
    labels = animation(draw_labels(clip, scale), clip.meta.frame_rate)
    return Card(clip.meta, video, labels, energy_chart(clip))


def _by_source(dataset: ShardDataset, positions: Sequence[int]) -> list[int]:
    """Return positions ordered so that an even choice meets every scenario and engine about equally often."""

    def source(position: int) -> tuple[str, str]:
        row = dataset.rows[position]
        return (row.scenario or row.source, row.engine or "")

    return sorted(positions, key=source)


def _spread_sets(sets: dict[str, list[int]], clips: int) -> list[list[int]]:
    members = list(sets.values())
    if not members or clips < 1:
        return []
    size = max(map(len, members))
    return [members[place] for place in spread(range(len(members)), max(1, clips // size))]


def _outcomes(statistics: DatasetStatistics) -> dict[str, list[tuple[str, int]]]:
    """Return scenario → its most frequent outcomes."""
    listed: dict[str, list[tuple[str, int]]] = {}
    for (scenario, outcome), count in statistics.outcomes.most_common():
        if len(listed.setdefault(scenario, [])) < SHOWN_OUTCOMES:
            listed[scenario].append((outcome, count))
    return dict(sorted(listed.items()))


WIDTH, HEIGHT = 288, 112
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 6, 8, 18
_COLORS = {"kinetic": "#2f6fd0", "potential": "#3f9a4a", "total": "#222222"}
_LEAST_LIFT = 1e-3  # m, of everything: what is less is shown as nothing
_EVENT_COLORS = {"contact": "#d0543a", "hidden": "#8a6fc0", "revealed": "#8a6fc0"}


def energy_chart(clip: Clip) -> str:
    """Return an SVG of kinetic, potential and total energy in J; potential energy is counted from its lowest value.

    Upright lines are events: red for contacts, violet for being hidden and seen again, grey for the others.
    """
    spec, _, trajectory = clip.labelled
    kinetic, potential = kinetic_energy(spec, trajectory), potential_energy(spec, trajectory)
    potential = potential - potential.min()
    curves = {"kinetic": kinetic, "potential": potential, "total": kinetic + potential}
    weight = sum(body.mass for body in spec.bodies if body.is_dynamic) * float(np.linalg.norm(spec.gravity))
    top = max(float(curves["total"].max()), _LEAST_LIFT * weight, 1e-12)
    duration = max(spec.seconds[-1], 1e-12)
    marks = []
    for event in clip.meta.events:
        if event.kind != "bounce":
            x = _x(event.seconds, duration)
            color = _EVENT_COLORS.get(event.kind, "#b0b0b0")
            title = escape(f"{event.kind}: {', '.join(event.bodies)}, {event.seconds:.3f} s")
            marks.append(
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}" stroke="{color}" '
                f'stroke-dasharray="2 2"><title>{title}</title></line>'
            )
    lines = [_curve(np.array(spec.seconds), values, duration, top, _COLORS[name]) for name, values in curves.items()]
    texts = [
        f'<text x="{_LEFT - 4}" y="{_TOP + 8}" text-anchor="end">{top:.3g} J</text>',
        f'<text x="{_LEFT - 4}" y="{HEIGHT - _BOTTOM}" text-anchor="end">0</text>',
        f'<text x="{_LEFT}" y="{HEIGHT - 5}">0 s</text>',
        f'<text x="{WIDTH - _RIGHT}" y="{HEIGHT - 5}" text-anchor="end">{duration:.2g} s</text>',
    ]
    middle = 0.5 * (WIDTH + _LEFT)
    for number, (name, color) in enumerate(_COLORS.items()):
        x = middle + (number - 1) * 56
        texts.append(f'<text x="{x:.0f}" y="{HEIGHT - 5}" text-anchor="middle" fill="{color}">{name}</text>')
    frame = (
        f'<rect x="{_LEFT}" y="{_TOP}" width="{WIDTH - _LEFT - _RIGHT}" height="{HEIGHT - _TOP - _BOTTOM}" '
        'fill="none" stroke="#ccc"/>'
    )
    body = "".join([frame, *marks, *lines, *texts])
    return f'<svg class="energy" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">{body}</svg>'


def _x(seconds: float, duration: float) -> float:
    return _LEFT + (WIDTH - _LEFT - _RIGHT) * seconds / duration


def _curve(
    seconds: Float[np.ndarray, "t"], values: Float[np.ndarray, "t"], duration: float, top: float, color: str
) -> str:
    height = HEIGHT - _TOP - _BOTTOM
    points = " ".join(
        f"{_x(float(s), duration):.1f},{_TOP + height * (1.0 - float(v) / top):.1f}"
        for s, v in zip(seconds, values, strict=True)
    )
    return f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="1.5"/>'
