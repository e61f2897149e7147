"""Votes: simulated voters whose taste is known, and what a table may not hold."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from physics_data.core.errors import DataError
from worldsim.rewards.votes import Vote, Votes, agreement, position_bias, rank, read_votes, write_preferences

TASTE = {"a": 1.0, "b": 0.4, "c": 0.0, "d": -1.4}
"""Strengths with mean 0: a simulated voter prefers x to y with probability sigmoid(x - y)."""


def simulated(voters: int, each: int, seed: int, left_bonus: float = 0.0) -> list[Vote]:
    drawn, votes = np.random.default_rng(seed), []
    for voter in range(voters):
        for _ in range(each):
            left, right = drawn.choice(list(TASTE), 2, replace=False)
            likely = 1 / (1 + np.exp(-(TASTE[left] - TASTE[right] + left_bonus)))
            choice = "left" if drawn.random() < likely else "right"
            prompt = f"p{drawn.integers(20)}"
            votes.append(Vote(f"v{voter}", 0.0, prompt, "motion", str(left), str(right), choice, "l.mp4", "r.mp4"))
    return votes


def test_300_simulated_voters_recover_the_ranking() -> None:
    found = rank(simulated(300, 12, seed=0))
    assert found.models == ("a", "b", "c", "d")
    true = np.array([TASTE[name] for name in found.models])
    assert np.abs(found.strength - true).max() < 0.15
    assert ((found.low < true) & (true < found.high)).all()


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Over 30 repetitions 95 % intervals hold about 95 % of 120 true strengths."""
    held = []
    for seed in range(30):
        found = rank(simulated(60, 8, seed), seed, resamples=100)
        true = np.array([TASTE[name] for name in found.models])
        held.append((found.low < true) & (true < found.high))
    assert 0.88 <= np.mean(held) <= 0.99


def test_two_models_have_a_closed_form() -> None:
    """With 30 wins to 10 and half a win for each side: log(30.5 / 10.5), split around 0."""
    votes = [Vote(str(n), 0.0, "p", "q", "x", "y", "left" if n < 30 else "right") for n in range(40)]
    assert np.allclose(rank(votes).strength, np.log(30.5 / 10.5) / 2 * np.array([1, -1]), atol=1e-4)


def test_position_bias_and_agreement() -> None:
    _, low, high = position_bias(simulated(100, 10, seed=1))
    assert low < 0.5 < high
    assert position_bias(simulated(100, 10, seed=1, left_bonus=1.0))[1] > 0.5
    same = [Vote(voter, 0.0, "p", "q", "x", "y", "left") for voter in "abc"]
    assert agreement(same) == 1.0
    shown_the_other_way = Vote("d", 0.0, "p", "q", "y", "x", "left")
    assert agreement([*same, shown_the_other_way]) == 0.5
    assert agreement(same[:1]) is None


def test_votes_last_and_come_from_tables(tmp_path: Path) -> None:
    kept = Votes(tmp_path / "votes.sqlite")
    votes = simulated(3, 5, seed=2)
    kept.add(votes)
    assert list(Votes(tmp_path / "votes.sqlite")) == votes
    lines = "voter,prompt,question,left,right,choice\nMin-jun,공이 떨어진다,motion,a,b,tie\n"
    (tmp_path / "votes.csv").write_text(lines, encoding="utf-8-sig")
    assert kept.add(read_votes(tmp_path / "votes.csv")) == 1
    assert list(kept)[-1] == Vote("Min-jun", 0.0, "공이 떨어진다", "motion", "a", "b", "tie")
    assert write_preferences(kept, tmp_path / "pairs.parquet") == 15
    row = pq.read_table(tmp_path / "pairs.parquet").to_pylist()[0]
    assert {row["chosen_model"], row["rejected_model"]} == {votes[0].left, votes[0].right}


def test_bad_tables_are_named(tmp_path: Path) -> None:
    (tmp_path / "votes.csv").write_text("voter,prompt,question,left,right\nm,p,q,a,b\n")
    with pytest.raises(DataError, match=r"row 1 of .*votes.csv has no choice"):
        read_votes(tmp_path / "votes.csv")
    (tmp_path / "other").write_text("this is a text that is longer than the header of a database" * 3)
    with pytest.raises(DataError, match="no file of votes"):
        Votes(tmp_path / "other")
    votes = Votes(tmp_path / "votes.sqlite")
    with pytest.raises(DataError, match="says 'links'"):
        votes.add([Vote("v", 0.0, "p", "q", "a", "b", "left"), Vote("v", 0.0, "p", "q", "a", "b", "links")])
    assert list(votes) == [], "all or none"
    with pytest.raises(DataError, match="with itself"):
        votes.add([Vote("v", 0.0, "p", "q", "a", "a", "left")])
    with pytest.raises(DataError, match="no vote"):
        rank([])
