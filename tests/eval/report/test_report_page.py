"""The skill of a system, and what the page and its tables show."""

import numpy as np
import pytest

from eval.metrics import METRICS
from eval.report.gallery import _scores
from eval.report.page import goodness, write_page
from eval.report.pages import markdown
from eval.report.skill import skill
from eval.report.table import SeedScore, summarise


def test_skill_by_hand():
    dummy, better = np.array([0.0, 0.5]), np.array([0.5, 0.75])
    found = skill(better, dummy, np.random.default_rng(0))
    assert found is not None and found.mean == pytest.approx(0.5)
    assert found.low == pytest.approx(0.5) and found.high == pytest.approx(0.5)  # half of what is open, in each scene
    same = skill(dummy, dummy, np.random.default_rng(0))
    assert same is not None and (same.mean, same.low, same.high) == (0.0, 0.0, 0.0)
    worse = skill(np.zeros(2), dummy, np.random.default_rng(0))
    assert worse is not None and worse.mean == pytest.approx(-1 / 3)
    assert skill(better, np.ones(2), np.random.default_rng(0)) is None


@pytest.mark.parametrize("name", list(METRICS))
def test_colours_run_from_worst_to_best(name):
    info = METRICS.get(name).info
    assert goodness(name, info.worst) == 0.0 and goodness(name, info.best) == 1.0
    assert goodness(name, (info.worst + info.best) / 2) == pytest.approx(0.5)


def test_a_column_of_no_metric_has_no_colour():
    assert goodness("moved", 3.0) is None


def rows(system: str, scores: tuple[float, float]) -> list[SeedScore]:
    values = [
        {"object_permanence": v, "motion_realism": v, "overall": v, "drift": 1.0 - v, "energy": None} for v in scores
    ]
    return [SeedScore(system, f"k{n}", "drop", "mujoco", "ok", "", "0" * 64, v) for n, v in enumerate(values)]


def test_the_best_dummy_is_the_zero_of_skill(tmp_path):
    table = rows("mine", (0.5, 0.75)) + rows("still", (0.0, 0.5)) + rows("noise", (0.0, 0.0))
    summary = summarise(table, 0, kinds={"still": "dummy", "noise": "dummy"})
    skills = {system.name: system.skill.mean if system.skill else None for system in summary.systems}
    assert skills == {"mine": pytest.approx(0.5), "still": 0.0, "noise": pytest.approx(-1 / 3)}
    write_page(tmp_path / "page.html", summary, table, {}, [])
    page = (tmp_path / "page.html").read_text()
    assert "the best dummy,\nstill" in page and 'title="0.625' in page
    assert '<th scope="col">drift</th>' in page and '<th scope="col">energy</th>' not in page  # applies to no scene
    assert "| skill |" in markdown(summary)


def test_without_dummies_there_is_no_skill(tmp_path):
    summary = summarise(rows("mine", (0.5, 0.75)), 0)
    assert summary.systems[0].skill is None and "skill" not in markdown(summary)
    write_page(tmp_path / "page.html", summary, rows("mine", (0.5, 0.75)), {}, [])
    assert ">skill<" not in (tmp_path / "page.html").read_text()


def test_captions_name_what_is_broken():
    values = {"overall": 0.1, "object_permanence": 0.2, "motion_realism": None, "count": 0.9, "drift": 0.8}
    row = SeedScore("mine", "k0", "drop", "mujoco", "ok", "", "", values)
    assert _scores(row) == "object permanence 0.20, overall 0.10; broken: drift 0.80"
