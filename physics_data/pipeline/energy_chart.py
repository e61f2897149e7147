"""The energy of a clip over time, as a small drawing for a page."""

from html import escape

import numpy as np
from jaxtyping import Float

from physics_data.core.clip import Clip
from physics_data.core.mechanics import kinetic_energy, potential_energy

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
