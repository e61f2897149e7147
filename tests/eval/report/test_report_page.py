"""The skill of a system, and what the page and its tables show."""

import contextlib
import json

import numpy as np
import pytest

from eval.metrics import METRICS
from eval.report.bundle import write_bundle
from eval.report.gallery import _scores
from eval.report.page import goodness, write_page
from eval.report.pages import markdown, write_pages
from eval.report.table import SeedScore, summarise, verdict
from eval.statistics import skill
from physics_data.core.errors import DataError


def test_skill_by_hand():
    control, better = np.array([0.0, 0.5]), np.array([0.5, 0.75])
    found = skill(better, control, np.random.default_rng(0))
    assert found is not None and found.mean == pytest.approx(0.5)
    assert found.low == pytest.approx(0.5) and found.high == pytest.approx(0.5)  # half of what is open, in each scene
    same = skill(control, control, np.random.default_rng(0))
    assert same is not None and (same.mean, same.low, same.high) == (0.0, 0.0, 0.0)
    worse = skill(np.zeros(2), control, np.random.default_rng(0))
    assert worse is not None and worse.mean == pytest.approx(-1 / 3)
    assert skill(better, np.ones(2), np.random.default_rng(0)) is None


@pytest.mark.parametrize("name", list(METRICS))
def test_colours_run_from_worst_to_best(name):
    info = METRICS.get(name).info
    assert goodness(name, info.worst) == 0.0 and goodness(name, info.best) == 1.0
    assert goodness(name, (info.worst + info.best) / 2) == pytest.approx(0.5)


def test_a_column_of_no_metric_has_no_colour():
    assert goodness("moved", 3.0) is None


def rows(system: str, scores: tuple[float, ...]) -> list[SeedScore]:
    values = [
        {"object_permanence": v, "motion_realism": v, "overall": v, "drift": 1.0 - v, "energy": None} for v in scores
    ]
    return [SeedScore(system, f"k{n}", "drop", "mujoco", "ok", "", "0" * 64, v) for n, v in enumerate(values)]


def test_the_best_control_is_the_zero_of_skill(tmp_path):
    table = rows("mine", (0.5, 0.75)) + rows("still", (0.0, 0.5)) + rows("noise", (0.0, 0.0))
    summary = summarise(table, 0, kinds={"still": "control", "noise": "control"})
    skills = {system.name: system.skill.mean if system.skill else None for system in summary.systems}
    assert skills == {"mine": pytest.approx(0.5), "still": 0.0, "noise": pytest.approx(-1 / 3)}
    write_page(tmp_path / "page.html", summary, table, {}, [])
    page = (tmp_path / "page.html").read_text()
    assert "the best control,\nstill" in page and 'title="0.625' in page
    assert '<th scope="col">drift ↓</th>' in page and '<th scope="col">energy ↑</th>' not in page  # applies to no scene
    assert "| skill |" in markdown(summary)


def test_without_controls_there_is_no_skill(tmp_path):
    summary = summarise(rows("mine", (0.5, 0.75)), 0)
    assert summary.systems[0].skill is None and "skill" not in markdown(summary)
    write_page(tmp_path / "page.html", summary, rows("mine", (0.5, 0.75)), {}, [])
    assert ">skill<" not in (tmp_path / "page.html").read_text()


def test_captions_name_what_is_broken():
    values = {"overall": 0.1, "object_permanence": 0.2, "motion_realism": None, "count": 0.9, "drift": 0.8}
    row = SeedScore("mine", "k0", "drop", "mujoco", "ok", "", "", values)
    assert _scores(row) == "object permanence 0.20, overall 0.10; broken: drift 0.80"


@pytest.mark.parametrize("file", ["summary.json", "scenes.csv", "curves.json", "gallery/captions.json"])
@pytest.mark.parametrize("number", range(10, 25))
def test_a_damaged_result_is_one_sentence(tmp_path, file, number):
    """Bytes of a file of a result are changed, cut out or doubled: the page is made again, or one error says why."""
    write_bundle(tmp_path, rows("mine", (0.5, 0.75)), 0, {}, num_conditioning_frames=1)
    (tmp_path / "gallery").mkdir()
    (tmp_path / "gallery" / "a.png").write_bytes(b"png")
    (tmp_path / "gallery" / "captions.json").write_text('{"a.png": "worst"}')
    (tmp_path / "curves.json").write_text(
        '{"over time": {"mine": {"seconds": [0.0, 1.0], "mean": [1.0, 0.5],"error": [0.1, 0.1], "is_baseline": false}}}'
    )
    rng = np.random.default_rng(number)
    data = (tmp_path / file).read_bytes()
    at, size = int(rng.integers(len(data))), int(rng.integers(1, 12))
    piece = [bytes(rng.integers(0, 256, size, dtype=np.uint8)), b"", b"null", b"../../x", b"[]", b"1e999"]
    (tmp_path / file).write_bytes(data[:at] + piece[int(rng.integers(len(piece)))] + data[at + size :])
    with contextlib.suppress(DataError):
        write_pages([tmp_path], tmp_path / "out")


@pytest.mark.parametrize("name", ["../secret.png", "/etc/hosts", "sub/a.png", "link.png"])
def test_the_gallery_shows_its_own_pictures_only(tmp_path, name):
    write_bundle(tmp_path, rows("mine", (0.5, 0.75)), 0, {}, num_conditioning_frames=1)
    (tmp_path / "secret.png").write_bytes(b"secret")
    (tmp_path / "gallery").mkdir()
    (tmp_path / "gallery" / "link.png").symlink_to(tmp_path / "secret.png")
    (tmp_path / "gallery" / "captions.json").write_text(json.dumps({name: "worst"}))
    with pytest.raises(DataError, match="no picture of that gallery"):
        write_pages([tmp_path], tmp_path / "out")


def test_the_verdict_names_the_better_one_and_the_part():
    many = tuple(np.linspace(0.5, 0.9, 12))
    table = rows("mine", many) + rows("yours", tuple(v - 0.4 for v in many))
    text = verdict(summarise(table, 0))
    assert text.startswith("mine is better than yours in overall by 0.400 (p = 0.0005")
    assert text.endswith("They are furthest apart in drift: 0.30 against 0.70.")
    same = rows("mine", many) + rows("yours", many[::-1])
    assert "12 scenes do not tell" in verdict(summarise(same, 0))
    assert verdict(summarise(rows("mine", many), 0)) == ""
