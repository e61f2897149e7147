"""Lessons: a self-contained page for each law, with the clip, vectors, curves, sliders and questions."""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import jinja2
import numpy as np
from PIL import Image
from pydantic import Field

from physics_data.core.atomic import write_text
from physics_data.core.config import StrictModel, read_yaml, validate_config
from physics_data.core.conventions import clip_generator
from physics_data.core.errors import UnknownNameError, WorldsimError, suggest
from physics_data.core.geometry import views_of
from physics_data.core.mechanics import (
    body_angular_momentum,
    kinetic_energy,
    momentum,
    potential_energy,
)
from physics_data.core.scene import Body, SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.engines import ENGINES
from physics_data.renderers import RENDERERS
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.shared.scenario import SceneSettings

TABLE = Path(__file__).with_name("lessons.yaml")
SHOWN = 6
"""Bodies with a curve of their own, at most."""

_SETTINGS = {"width": 320, "height": 240, "num_frames": 49, "frame_rate": 24.0}
_ARROW = 0.25
"""Length of a drawn velocity, m for each m/s."""

VARIED: dict[str, tuple[str, tuple[float, ...]]] = {
    "gravity": ("g, m/s²", (1.62, 3.71, 9.81, 15.0, 24.8)),
    "restitution": ("restitution e", (0.0, 0.3, 0.6, 0.8, 1.0)),
    "friction": ("friction μ", (0.0, 0.1, 0.3, 0.5, 0.8)),
    "mass": ("mass of the first body, times", (0.25, 0.5, 1.0, 2.0, 4.0)),
    "speed": ("starting speeds, times", (0.5, 0.75, 1.0, 1.25, 1.5)),
    "spin": ("starting spin, times", (0.5, 0.75, 1.0, 1.25, 1.5)),
}
"""What a slider changes: its name, and the values that are simulated."""

Curve = Literal["height", "speed", "x", "spin", "momentum", "energy", "kinetic", "angular_momentum"]
UNITS = {"height": "m", "speed": "m/s", "x": "m", "spin": "rad/s", "momentum": "kg m/s", "energy": "J", "kinetic": "J"}
UNITS["angular_momentum"] = "kg m²/s"


class Question(StrictModel):
    """A question whose answer is a number of a curve: its largest, least or last value, or the share that is lost."""

    curve: Curve
    take: Literal["max", "min", "end", "loss"]
    text: str


class Lesson(StrictModel):
    """What the page of a scenario says and shows; see ``lessons.yaml``."""

    title: str
    formula: str
    say: str
    vary: Annotated[
        tuple[Literal["gravity", "restitution", "friction", "mass", "speed", "spin"], ...], Field(min_length=1)
    ]
    plot: Annotated[tuple[Curve, ...], Field(min_length=1)]
    ask: Question


class LessonTable(StrictModel):
    """All lessons, and laws by the scenario that shows them."""

    laws: dict[str, str]
    lessons: dict[str, Lesson]


def lesson_table() -> LessonTable:
    """Return the lessons by scenario."""
    return validate_config(LessonTable, read_yaml(TABLE), source=str(TABLE))


def write_lesson(name: str, out: Path, *, seed: int = 0, on_clip: Callable[[], None] = lambda: None) -> int:
    """Write the page of a law or scenario, which needs no other file and no network; return its number of clips.

    Args:
        name: a scenario, or a law of ``lessons.yaml``, e.g. "momentum"
        out: page, .html
        seed: of the scene's draw
        on_clip: called after each simulation

    Raises:
        UnknownNameError: no such lesson.
        EngineError: a value of a slider cannot be simulated.
    """
    table = lesson_table()
    scenario_name = table.laws.get(name, name)
    if scenario_name not in table.lessons:
        raise UnknownNameError(f"no lesson '{name}': {suggest(name, (*table.laws, *table.lessons))}")
    lesson, scenario = table.lessons[scenario_name], SCENARIOS.get(scenario_name)()
    spec = scenario.sample(clip_generator(seed, scenario_name, 0), SceneSettings.model_validate(_SETTINGS), seed, 0)
    engine = ENGINES.get(scenario.engines[0])()
    sliders = []
    for kind in lesson.vary:
        label, values = VARIED[kind]
        start = int(np.argmin([abs(value - _own(spec, kind)) for value in values]))
        # The scene as drawn takes the place of the value next to its own.
        values = (*values[:start], round(_own(spec, kind), 3), *values[start + 1 :])
        runs = []
        for value in values:
            one = varied(spec, kind, value)
            runs.append(_run(one, engine.simulate(one), value))
            on_clip()
        sliders.append({"kind": kind, "label": label, "runs": runs, "start": start})
    data = {
        "sliders": sliders,
        "plots": [{"name": curve, "unit": UNITS[curve]} for curve in lesson.plot],
        "questions": [_question(lesson.ask, slider) for slider in sliders],
        "frameRate": spec.frame_rate,
        "size": [spec.width, spec.height],
    }
    facts = scenario.ground_truth(spec)
    page = jinja2.Environment(autoescape=True, loader=jinja2.FileSystemLoader(TABLE.parent)).get_template(
        "lesson.html.j2"
    )
    text = page.render(
        lesson=lesson,
        scenario=scenario.info,
        caption=scenario.caption(spec),
        facts=[(key.replace("_", " "), f"{value:.4g}") for key, value in facts.items()],
        engine=f"{engine.name} {engine.version()}",
        data=json.dumps(data).replace("</", "<\\/"),
    )
    write_text(out, text)
    return sum(len(slider["runs"]) for slider in sliders)


def varied(spec: SceneSpec, kind: str, value: float) -> SceneSpec:
    """Return a scene with one thing changed, as ``VARIED`` says.

    Raises:
        WorldsimError: the scene cannot have the value.
    """
    jointed = {name for joint in spec.joints for name in (joint.body, joint.parent)}
    moving = [body.name for body in spec.bodies if body.is_dynamic]
    first = next((name for name in moving if name not in jointed), moving[0] if moving else None)

    def changed(body: Body) -> Body:
        surface = body.surface
        if kind == "restitution" and body.is_dynamic:  # a pair has the smaller value of its two
            return body.edited(surface=surface.edited(restitution=value))
        if kind == "friction":
            return body.edited(surface=surface.edited(friction=value))
        if kind == "mass" and body.name == first:
            return body.edited(mass=body.mass * value)
        if kind == "speed" and body.is_dynamic and body.name not in jointed:
            return body.edited(linear_velocity=_times(body.linear_velocity, value))
        if kind == "spin" and body.is_dynamic and body.name not in jointed:
            return body.edited(angular_velocity=_times(body.angular_velocity, value))
        return body

    if kind not in VARIED:
        raise WorldsimError(f"no slider '{kind}': {suggest(kind, VARIED)}")
    if kind == "gravity":
        return spec.edited(gravity=(0.0, 0.0, -value))
    return spec.edited(bodies=tuple(changed(body) for body in spec.bodies))


def _times(vector: tuple[float, float, float], factor: float) -> tuple[float, float, float]:
    return (vector[0] * factor, vector[1] * factor, vector[2] * factor)


def _own(spec: SceneSpec, kind: str) -> float:
    """Return the value of a slider that the drawn scene has."""
    moving = [body for body in spec.bodies if body.is_dynamic]
    surface = (moving or list(spec.bodies))[0].surface
    return {"gravity": -spec.gravity[2], "restitution": surface.restitution, "friction": surface.friction}.get(
        kind, 1.0
    )


def _shown(spec: SceneSpec) -> list[int]:
    return [index for index, body in enumerate(spec.bodies) if body.is_dynamic][:SHOWN]


def _run(spec: SceneSpec, motion: Trajectory, value: float) -> dict[str, Any]:
    """Return the pictures of one value as a strip, the curves, and where bodies and arrows are, in pixels."""
    rgb = RENDERERS.get("raycast")().render(spec, motion, ()).rgb
    buffer = io.BytesIO()
    Image.fromarray(rgb.reshape(-1, *rgb.shape[2:])).save(buffer, format="JPEG", quality=82)
    shown, views = _shown(spec), views_of(spec)
    ends = motion.position + _ARROW * motion.linear_velocity
    points = [view.project(motion.position[frame, shown])[:, :2] for frame, view in enumerate(views)]
    tips = [view.project(ends[frame, shown])[:, :2] for frame, view in enumerate(views)]
    return {
        "value": value,
        "strip": "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode(),
        "points": _rounded(np.array(points), 1),
        "tips": _rounded(np.array(tips), 1),
        "curves": {name: curve_lines(name, spec, motion) for name in UNITS},
    }


def curve_lines(name: str, spec: SceneSpec, motion: Trajectory) -> list[dict[str, Any]]:
    """Return the lines of a curve: of each shown body, or of the whole."""
    shown = _shown(spec)
    names = [f"{spec.bodies[index].appearance.color_name} {spec.bodies[index].noun}" for index in shown]
    match name:
        case "momentum":
            lines = dict(zip(("p_x", "p_y", "p_z"), momentum(spec, motion).T, strict=True))
        case "energy":
            moving, high = kinetic_energy(spec, motion), potential_energy(spec, motion)
            lines = {"kinetic": moving, "potential": high, "sum": moving + high}
        case "kinetic":
            lines = {"kinetic": kinetic_energy(spec, motion)}
        case "angular_momentum":
            total = body_angular_momentum(spec, motion).sum(axis=1)
            lines = dict(zip(("L_x", "L_y", "L_z"), total.T, strict=True))
        case _:
            each = {
                "height": motion.position[..., 2],
                "x": motion.position[..., 0],
                "speed": np.linalg.norm(motion.linear_velocity, axis=2),
                "spin": np.linalg.norm(motion.angular_velocity, axis=2),
            }[name][:, shown]
            # Two bodies may be called the same.
            lines = {
                f"{label} {k + 1}" if names.count(label) > 1 else label: each[:, k] for k, label in enumerate(names)
            }
    return [{"name": label, "values": _rounded(values, 5)} for label, values in lines.items()]


def _answer(question: Question, run: dict[str, Any]) -> float:
    lines = [np.array(line["values"]) for line in run["curves"][question.curve]]
    line = lines[-1] if question.curve in ("energy", "kinetic") else np.max(lines, axis=0)
    match question.take:
        case "max":
            return float(line.max())
        case "min":
            return float(line.min())
        case "end":
            return float(line[-1])
        case "loss":
            return 100.0 * float(1.0 - line[-1] / line[0]) if line[0] else 0.0


def _question(question: Question, slider: dict[str, Any]) -> dict[str, Any]:
    """Return a question about one value of a slider, with answers of the simulator for other values beside it."""
    runs = slider["runs"]
    answers = [_answer(question, run) for run in runs]
    asked = (slider["start"] + 1) % len(runs)
    unit = "%" if question.take == "loss" else UNITS[question.curve]
    right = f"{answers[asked]:.3g} {unit}"
    value = f"{slider['label']}: {runs[asked]['value']:g}"
    wrong = [f"{answer:.3g} {unit}" for answer in answers]
    wrong += [f"{factor * answers[asked]:.3g} {unit}" for factor in (0.5, 1.5, 2.0)]
    choices = list(dict.fromkeys([right, *(choice for choice in wrong if choice != right)]))[:4]
    return {
        "text": question.text,
        "with": value,
        "choices": sorted(choices, key=lambda c: float(c.split()[0])),
        "right": right,
    }


def _rounded(values: np.ndarray, digits: int) -> list[Any]:
    return np.round(np.nan_to_num(values), digits).tolist()
