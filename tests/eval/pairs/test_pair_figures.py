"""Pair figures against counts by hand and a second implementation of the area under the curve."""

import json
import math

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from eval.pairs.pair_figures import pairwise, pooled_auroc, preference_errors, summarise_pairs
from eval.pairs.pair_scores import ClipScore, Timing, read_scores, timing
from eval.pairs.pair_sets import PairClip, PairSet, Setting
from physics_data.core.errors import DataError


def clip(key, possible, violation=None):
    """A clip of 16 frames at 16 Hz."""
    severity = 0.0 if possible else 0.5
    return PairClip(key, "AA" if possible else "AB", possible, severity, violation, 16.0, 16)


def quadruplet(name, editor="vanish", scenario="occluder_pass", violation=(0.5, 0.5), setting: Setting = "visible"):
    """Two possible and two impossible clips."""
    clips = [clip(f"{name}-{role}", True) for role in ("AA", "BB")]
    clips += [clip(f"{name}-{role}", False, violation) for role in ("AB", "BA")]
    return PairSet(name, editor, scenario, "mujoco", setting, 0.5, tuple(clips))


def opinions(name, values, frames=None):
    """Scores of a quadruplet in the order AA, BB, AB, BA."""
    return {f"{name}-{role}": ClipScore(v, frames) for role, v in zip(("AA", "BB", "AB", "BA"), values, strict=True)}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((2.0, 2.0, 1.0, 1.0), 1.0),
        ((1.0, 1.0, 2.0, 2.0), 0.0),
        ((1.0, 1.0, 1.0, 1.0), 0.5),
        ((3.0, 1.0, 2.0, 1.0), (1 + 1 + 0 + 0.5) / 4),
        ((None, 1.0, 0.0, 0.0), 0.5),
        ((1.0, 1.0, None, 0.0), 0.5),
        ((None, None, None, None), 0.0),
    ],
)
def test_pairs_by_hand(values, expected):
    assert pairwise(quadruplet("q"), opinions("q", values)) == pytest.approx(expected)


def test_area_is_that_of_mann_and_whitney():
    rng = np.random.default_rng(0)
    sets = [quadruplet(f"q{i}") for i in range(12)]
    scores = {}
    for pair_set in sets:
        scores |= opinions(pair_set.set_id, (rng.integers(0, 5, 4) + np.array([1.0, 1.0, 0.0, 0.0])).tolist())
    first = [scores[c.key].score for t in sets for c in t.possible]
    second = [scores[c.key].score for t in sets for c in t.impossible]
    expected = mannwhitneyu(first, second).statistic / (len(first) * len(second))
    found = pooled_auroc(sets, scores, np.random.default_rng(1))
    assert found.mean == pytest.approx(expected)
    assert found.low is not None and found.high is not None
    assert found.low < found.mean < found.high
    assert found == pooled_auroc(sets, scores, np.random.default_rng(1))


def test_interval_covers_the_truth_as_often_as_it_says():
    """Normal scores one standard deviation apart, whose area is Phi(1 / sqrt 2)."""
    rng, hits = np.random.default_rng(3), []
    truth = 0.5 * (1 + math.erf(0.5))
    sets = [quadruplet(f"q{i}") for i in range(30)]
    for _ in range(60):
        scores = {}
        for pair_set in sets:
            scores |= opinions(pair_set.set_id, (rng.normal(size=4) + np.array([1, 1, 0, 0])).tolist())
        found = pooled_auroc(sets, scores, rng)
        assert found.low is not None and found.high is not None
        hits.append(found.low <= truth <= found.high)
    assert 0.85 <= np.mean(hits) <= 1.0


def test_every_editor_weighs_the_same():
    """Three sets of one editor all wrong, one of another all right: half, however many sets each has."""
    sets = [quadruplet(f"a{i}", "vanish") for i in range(3)] + [quadruplet("b", "float")]
    scores = {}
    for pair_set in sets:
        scores |= opinions(
            pair_set.set_id, (1.0, 1.0, 0.0, 0.0) if pair_set.editor == "float" else (0.0, 0.0, 1.0, 1.0)
        )
    errors = preference_errors(sets, scores)
    assert errors == {("occluder_pass", "vanish"): 1.0, ("occluder_pass", "float"): 0.0}
    figures = summarise_pairs(sets, scores, "model").overall
    assert (figures.preference_error, figures.pairwise.mean) == (0.5, 0.25)


def test_a_constant_is_chance_everywhere():
    sets = [quadruplet("a"), quadruplet("b", "float", setting="occluded")]
    scores = opinions("a", (0.0,) * 4) | opinions("b", (0.0,) * 4)
    summary = summarise_pairs(sets, scores, "constant")
    groups = [figures for values in summary.by.values() for figures in values.values()]
    for figures in [summary.overall, *groups]:
        assert (figures.pairwise.mean, figures.auroc.mean, figures.preference_error) == (0.5, 0.5, 0.5)
    assert set(summary.by["setting"]) == {"visible", "occluded"}


def test_nothing_given_is_worse_than_chance():
    summary = summarise_pairs([quadruplet("a")], opinions("a", (None,) * 4), "nothing")
    assert summary.missing == 4
    assert (summary.overall.pairwise.mean, summary.overall.auroc.mean, summary.overall.preference_error) == (0, 0, 1)


def timed(sets, scores) -> Timing:
    """Timing that is there."""
    found = timing(sets, scores)
    assert found is not None
    return found


def test_the_peak_of_surprise_is_timed():
    sets = [quadruplet("a", violation=(0.5, 0.5))]  # frame 8
    on_time = tuple(-1.0 if k == 8 else 0.0 for k in range(16))
    late = tuple(-1.0 if k == 14 else 0.0 for k in range(16))
    for frames, share, distance in ((on_time, 1.0, 0.0), (late, 0.0, 6 / 16)):
        found = timed(sets, opinions("a", (0.0,) * 4, frames))
        assert (found.in_time, found.distance, found.clips) == (share, pytest.approx(distance), 2)
        assert found.chance == pytest.approx(5 / 16)  # frames 6 to 10 lie within 0.15 s
    assert timed(sets, opinions("a", (0.0,) * 4, (0.0,) * 16)).in_time == pytest.approx(5 / 16)
    assert timed(sets, opinions("a", (0.0,) * 4, (None, *on_time[1:]))).distance == 1.0
    assert timing(sets, opinions("a", (0.0,) * 4)) is None
    with pytest.raises(DataError, match="9 frames, the clip has 16"):
        timing(sets, opinions("a", (0.0,) * 4, on_time[:9]))


def test_a_violation_that_lasts_has_no_time():
    assert timing([quadruplet("a", violation=(0.0, 1.0))], opinions("a", (0.0,) * 4, (0.0,) * 16)) is None


KEYS = ("a-AA", "a-BB")


def test_tables_are_read_strictly(tmp_path):
    table = tmp_path / "model.csv"
    table.write_text("key,score\na-AA,0.5\na-BB,nan\n")
    assert read_scores(table, KEYS) == {"a-AA": ClipScore(0.5), "a-BB": ClipScore(None)}
    assert read_scores(table, KEYS, "loss")["a-AA"] == ClipScore(-0.5)
    table.write_text("key,score\na-AA,inf\n")
    assert read_scores(table, KEYS) == {"a-AA": ClipScore(None), "a-BB": ClipScore(None)}
    record = tmp_path / "model.json"
    record.write_text(json.dumps({"a-AA": 1, "a-BB": {"score": 2, "frames": [1, None]}}))
    assert read_scores(record, KEYS) == {"a-AA": ClipScore(1.0), "a-BB": ClipScore(2.0, (1.0, None))}
    record.write_text('{"a-AA": NaN, "a-BB": true}')
    assert read_scores(record, KEYS) == {"a-AA": ClipScore(None), "a-BB": ClipScore(None)}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("m.csv", "key,value\na-AA,1\n", "needs key and score"),
        ("m.csv", "key,score\na-AA,1\na-AA,2\n", "two scores for 'a-AA'"),
        ("m.csv", "key,score\na-AC,1\n", "Did you mean 'a-AA'"),
        ("m.csv", "key,score\n", "holds no score"),
        ("m.json", '{"a-AA": 1, "a-AA": 2}', "two scores for 'a-AA'"),
        ("m.json", "[1, 2]", "holds a list"),
        ("m.json", "{", "no JSON"),
        ("m.json", '{"a-AA": {"value": 1}}', "it takes score"),
        ("m.json", '{"a-AA": {"score": 1, "frames": 3}}', "a number per frame"),
    ],
)
def test_mistakes_in_tables_are_named(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        read_scores(tmp_path / name, KEYS)


def test_no_table_is_named(tmp_path):
    with pytest.raises(DataError, match="no table"):
        read_scores(tmp_path / "nothing.csv", KEYS)
