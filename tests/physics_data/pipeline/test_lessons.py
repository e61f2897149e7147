"""Lessons: every scenario has one, pages need no network, questions have the simulator's answers."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from physics_data.core.conventions import clip_generator
from physics_data.core.errors import UnknownNameError
from physics_data.engines import ENGINES
from physics_data.pipeline.lessons import VARIED, curve_lines, lesson_table, varied, write_lesson
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.shared.scenario import SceneSettings


def test_every_scenario_has_a_lesson_and_every_law_a_scenario() -> None:
    table = lesson_table()
    assert set(table.lessons) == set(SCENARIOS)
    assert set(table.laws.values()) <= set(SCENARIOS)


def test_a_page_needs_no_network_and_its_answers_are_those_of_its_curves(tmp_path: Path) -> None:
    page = tmp_path / "lesson.html"
    assert write_lesson("gravity", page) == 10
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=", text) and "http" not in text
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])  # pyright: ignore
    (gravity, _), question = data["sliders"], data["questions"][0]
    run = gravity["runs"][(gravity["start"] + 1) % len(gravity["runs"])]
    fastest = max(max(line["values"]) for line in run["curves"]["speed"])
    assert question["right"] == f"{fastest:.3g} m/s" and question["right"] in question["choices"]
    assert len(set(question["choices"])) == 4
    # A fall from one height ends with v = sqrt(2 g h).
    slow, quick = (max(run["curves"]["speed"][0]["values"]) for run in (gravity["runs"][2], gravity["runs"][4]))
    assert quick / slow == pytest.approx(np.sqrt(24.8 / 9.81), rel=0.1)  # frames fall a little before the impact


def test_an_unknown_law_is_named() -> None:
    with pytest.raises(UnknownNameError, match="momentum"):
        write_lesson("momentun", Path("lesson.html"))


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_every_value_of_every_slider_can_be_simulated(name: str) -> None:
    scenario = SCENARIOS.get(name)()
    settings = SceneSettings(num_frames=33, frame_rate=24.0)
    spec = scenario.sample(clip_generator(0, name, 0), settings, 0, 0)
    engine = ENGINES.get(scenario.engines[0])()
    lesson = lesson_table().lessons[name]
    for kind in lesson.vary:
        values = VARIED[kind][1]
        scenes = [varied(spec, kind, value) for value in (values[0], values[-1])]
        runs = [(scene, engine.simulate(scene)) for scene in scenes]
        first, last = ([curve_lines(curve, *run) for curve in lesson.plot] for run in runs)
        assert first != last, f"no curve shows what {kind} changes"
