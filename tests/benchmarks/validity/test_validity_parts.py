"""The parts of the proof of validity: areas under curves, severities, expectations, nuisances, reports."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.rows import rows_as_json
from benchmarks.validity.cases import Scorer, make_case, timed, violations
from benchmarks.validity.expectations import expectation, should_not_notice, should_notice
from benchmarks.validity.nuisances import PICTURE_NUISANCES, as_a_model_would, resized, shifted
from benchmarks.validity.proofs import validity
from benchmarks.validity.robustness import Shift
from benchmarks.validity.selectivity import (
    Cell,
    Matrix,
    Trial,
    cell,
    keep,
    lawful_auroc,
    matrix_of,
    read_ladders,
    read_trials,
)
from benchmarks.validity.severity import Ladder, Response
from benchmarks.validity.validity_report import draw_matrix, markdown, matrix_rows, severity_rows, shift_rows
from eval.metrics import METRICS
from eval.public import PUBLIC_MEASURES
from physics_data.scenarios.shared.scenario import SceneSettings

SMALL = SceneSettings(layout="centred", num_frames=24, width=64, height=64)


def test_auroc_by_counting_pairs():
    rng = np.random.default_rng(0)
    lawful, violated = rng.integers(0, 6, 9).astype(float), rng.integers(0, 6, 7).astype(float)
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in lawful for b in violated]
    assert lawful_auroc(lawful, violated) == pytest.approx(np.mean(pairs))
    assert lawful_auroc(np.array([1.0, 2.0]), np.array([0.0])) == 1.0


def test_a_forgotten_violation_is_no_catch():
    assert lawful_auroc(np.array([1.0, 1.0]), np.array([np.nan, 0.0])) == pytest.approx(0.5)
    found = cell(np.ones((4, 1)), np.array([np.nan] * 4), np.random.default_rng(0))
    assert found.auroc == 0.0 and found.undefined == 1.0
    found = cell(np.arange(4.0)[:, None], np.arange(4.0), np.random.default_rng(0))
    assert found.auroc == 0.5 and found.low <= 0.5 <= found.high


def test_dose_is_a_share_of_the_frames_that_differ():
    right, wrong = np.zeros((10, 2, 2, 3), np.uint8), np.zeros((10, 2, 2, 3), np.uint8)
    wrong[4:8] = 9
    shown = [timed(right, wrong, severity)[:, 0, 0, 0].astype(bool).sum() for severity in (0.1, 0.5, 1.0)]
    assert shown == [1, 2, 4]
    assert timed(right, wrong, 0.5)[4:6].all()


def test_rank_correlation_of_a_response():
    response = Response(
        (0.0, 0.5, 1.0), {"falls": (1.0, 0.7, 0.2), "still": (1.0, 1.0, 1.0), "rises": (0.1, 0.2, 0.3)}, 2
    )
    assert response.correlation("falls") == pytest.approx(1.0)
    assert response.correlation("still") == 0.0
    assert response.correlation("rises") == pytest.approx(-1.0)


@pytest.mark.parametrize("name", violations())
def test_every_violation_has_a_headline_and_components_that_exist(name):
    expected = expectation(name)
    assert expected.headline in METRICS
    assert expected.components and expected.components <= set(METRICS)
    assert not expected.components & expected.may
    assert set(should_notice(name, list(METRICS))) == {expected.headline, "overall", *expected.components}


def test_what_should_be_left_alone():
    metrics = ["object_permanence", "motion_realism", "free_motion", "overall"]
    assert should_notice("wrong_g", metrics) == ["free_motion", "motion_realism", "overall"]
    assert should_not_notice("wrong_g", metrics) == ["object_permanence"]
    assert should_not_notice("vanish", list(METRICS)) == []


def test_raw_scores_survive_the_disk(tmp_path):
    trial = Trial("vanish", "free_drop", 0, {"psnr": 1.5}, {"psnr": float("nan")})
    assert list(keep([trial], tmp_path / "a" / "trials.jsonl")) == [trial]
    (found,) = read_trials(tmp_path / "a" / "trials.jsonl")
    assert found.lawful == {"psnr": 1.5} and np.isnan(found.violated["psnr"])
    matrix = matrix_of([trial, replace(trial, number=1, violated={"psnr": 1.0})])
    assert matrix.cells["vanish"]["psnr"].auroc == 0.5 and matrix.cells["vanish"]["psnr"].undefined == 0.5
    ladder = Ladder("vanish", 0, [{"count": 1.0}, {"count": 0.5}])
    assert list(keep([ladder], None)) == list(keep([ladder], tmp_path / "severities.jsonl")) == [ladder]
    assert read_ladders(tmp_path / "severities.jsonl") == [ladder]


@pytest.mark.parametrize("name", list(PICTURE_NUISANCES))
def test_nuisances_leave_the_event_alone(name):
    rng = np.random.default_rng(0)
    video = np.full((6, 30, 48, 3), 90, np.uint8)
    video[:, 8:20, 10:26] = (200, 40, 40)
    other = PICTURE_NUISANCES[name](video, rng)
    assert len(other) == 6 and other.dtype == np.uint8
    same_size = resized(other, 30)
    assert same_size.shape == video.shape
    assert np.abs(same_size.astype(int) - video).mean() < 16


def test_shifts_are_exact_and_draws_repeat():
    video = np.zeros((2, 16, 16, 3), np.uint8)
    video[:, 4, 5] = 200
    moved = shifted(video, np.array([[0.0, 0.0], [2.0, 1.0]]))
    assert moved[0, 4, 5, 0] == 200 and moved[1, 5, 7, 0] == 200
    drawn = [as_a_model_would(video, np.random.default_rng(3)) for _ in range(2)]
    assert np.array_equal(*drawn)


def test_one_case_end_to_end():
    """A ball that vanishes: permanence falls, the lawful video keeps it, and PISA's L2 hardly moves."""
    case = make_case("vanish", 1, SMALL)
    assert case is not None
    scorer = Scorer(case.reference, case.resimulation)
    lawful, violated = scorer.all(case.lawful), scorer.all(case.violated)
    assert set(PUBLIC_MEASURES) <= set(lawful)
    assert lawful["object_permanence"] > 0.95
    assert violated["object_permanence"] < lawful["object_permanence"] - 0.2
    assert violated["pisa_l2"] > -0.05


@pytest.fixture
def matrix() -> Matrix:
    good, chance = Cell(1.0, 0.9, 1.0, 6, 0.0), Cell(0.5, 0.3, 0.7, 6, 0.25)
    return Matrix(
        {
            "vanish": {"object_permanence": good, "overall": good, "pisa_l2": chance},
            "wrong_g": {"object_permanence": chance, "motion_realism": good, "free_motion": chance, "pisa_l2": good},
        },
        ("object_permanence", "overall", "pisa_l2", "motion_realism", "free_motion"),
    )


def test_rows_say_what_is_met(matrix):
    rows = {str(row.name): row for row in matrix_rows(matrix)}
    assert rows["vanish: noticed by object_permanence"].meets is True
    assert rows["wrong_g: left alone by object_permanence"].meets is True
    assert rows["vanish: named by no component"].meets is False
    assert rows["wrong_g: named by free_motion"].meets is False
    assert rows["vanish: pisa_l2"].value == 0.5
    assert "25%" in str(rows["vanish: pisa_l2"].spread)
    severities = severity_rows({"vanish": Response((0.0, 1.0), {"object_permanence": (1.0, 0.4)}, 3)})
    assert severities[0].meets is True
    moved = shift_rows({"noise": {"overall": Shift(-0.2, 0.1, 4)}})
    assert moved[0].meets is False
    rows_as_json(matrix_rows(matrix))


def test_table_and_picture(matrix, tmp_path):
    table = markdown(matrix)
    assert "| `vanish` | 1.00 | – | 0.50 |" in table
    assert "| `wrong_g` | 1.00 | `free_motion` 0.50 | 1.00 |" in table
    draw_matrix(matrix, tmp_path / "matrix.png")
    assert (tmp_path / "matrix.png").stat().st_size > 5000


def test_footage_that_is_not_there_is_named():
    rows = validity(parts=("footage",))
    assert rows[0].meets is None and "left out" in str(rows[0].spread)
