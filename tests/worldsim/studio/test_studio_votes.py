"""Votes: blind, exact under many voters at once, whole after kill -9."""

import multiprocessing
import os
import signal
import sqlite3
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from physics_data.core.errors import DataError
from worldsim.rewards.votes import Vote, Votes
from worldsim.studio.vote_room import QUESTIONS, Answer, VoteRoom
from worldsim.studio.workspace import Workspace

PLACE = "0/contest"


@pytest.fixture
def room(tmp_path: Path) -> VoteRoom:
    for system in ("ours", "theirs", "third"):
        for key in ("a_red_ball", "a_blue_box"):
            path = tmp_path / "contest" / system / f"{key}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"video")
    (tmp_path / "contest" / "prompts.json").write_text('{"a_blue_box": "a blue <script>alert(1)</script> box"}')
    return VoteRoom(Workspace((tmp_path,)))


def test_contests_are_folders_of_models_with_videos_of_one_name(room: VoteRoom) -> None:
    assert room.contests() == [{"place": PLACE, "systems": 3, "pairs": 6}]


def test_a_ballot_names_no_model(room: VoteRoom) -> None:
    found = room.draw(PLACE, "eve")
    assert set(found) == {"done", "total", "questions", "ballot", "prompt"}
    assert found["prompt"] in ("a red ball", "a blue <script>alert(1)</script> box")
    assert not any(name in str(found) for name in ("ours", "theirs", "third"))


def test_each_voter_gets_each_pair_once(room: VoteRoom) -> None:
    seen = Counter()
    for voter in ("ann", "bob"):
        while (found := room.draw(PLACE, voter))["ballot"]:
            one = room.ballot(found["ballot"])
            seen[voter, one.key, frozenset((one.left, one.right))] += 1
            for question in QUESTIONS:
                assert room.answer(
                    Answer.model_validate({"ballot": found["ballot"], "question": question, "choice": "left"})
                )
    assert len(seen) == 12
    assert set(seen.values()) == {1}
    assert found["done"] == found["total"] == 6


def test_an_answer_that_comes_twice_counts_once(room: VoteRoom) -> None:
    answer = Answer(ballot=room.draw(PLACE, "ann")["ballot"], question="motion", choice="tie")
    assert room.answer(answer)
    assert not room.answer(answer.model_copy(update={"choice": "left"}))
    assert [vote.choice for vote in room.votes] == ["tie"]


def test_the_vote_is_stored_as_it_was_seen(room: VoteRoom) -> None:
    number = room.draw(PLACE, "  ann   lee ")["ballot"]
    one = room.ballot(number)
    room.answer(Answer(ballot=number, question="permanence", choice="right"))
    (vote,) = room.votes
    assert (vote.voter, vote.left, vote.right, vote.choice) == ("ann lee", one.left, one.right, "right")
    assert vote.left_file == f"{PLACE}/{one.left}/{one.key}.mp4"


def test_sides_are_drawn(room: VoteRoom) -> None:
    sides = Counter()
    for k in range(200):
        one = room.ballot(room.draw(PLACE, f"voter {k}")["ballot"])
        sides[one.left < one.right] += 1
    assert 60 < sides[True] < 140  # 5.7 standard deviations


def test_a_voter_needs_a_name_and_a_contest_two_models(room: VoteRoom) -> None:
    with pytest.raises(DataError, match="nickname"):
        room.draw(PLACE, "  ")
    with pytest.raises(DataError, match="no two models"):
        room.draw(f"{PLACE}/ours", "ann")
    with pytest.raises(DataError, match="no longer open"):
        room.answer(Answer(ballot="guessed", question="motion", choice="left"))


def test_twenty_voters_at_once_lose_nothing(room: VoteRoom) -> None:
    def vote(k: int) -> int:
        count = 0
        while (found := room.draw(PLACE, f"voter {k}"))["ballot"]:
            for question in QUESTIONS:
                room.answer(Answer.model_validate({"ballot": found["ballot"], "question": question, "choice": "left"}))
                count += 1
        return count

    with ThreadPoolExecutor(20) as pool:
        counts = list(pool.map(vote, range(20)))
    assert counts == [12] * 20
    stored = Counter((v.voter, v.prompt, v.question, frozenset((v.left, v.right))) for v in room.votes)
    assert len(stored) == 240
    assert set(stored.values()) == {1}


def test_the_ranking_finds_the_better_model(room: VoteRoom) -> None:
    for voter in ("ann", "bob", "eve", "joe"):
        while (found := room.draw(PLACE, voter))["ballot"]:
            one = room.ballot(found["ballot"])
            order = ("ours", "theirs", "third")
            choice = "left" if order.index(one.left) < order.index(one.right) else "right"
            for question in QUESTIONS:
                room.answer(Answer.model_validate({"ballot": found["ballot"], "question": question, "choice": choice}))
    results = room.results(PLACE, "motion")
    assert [row["model"] for row in results["ranking"]] == ["ours", "theirs", "third"]
    assert (results["votes"], results["voters"], results["agreement"]) == (24, 4, 1.0)


def _vote_for_ever(path: Path) -> None:
    votes, told = Votes(path), path.with_suffix(".told")
    for number in range(1_000_000):
        vote = Vote(f"v{number}", time.time(), "p", "motion", "a", "b", "left")
        if votes.add_once(vote, str(number)):
            with open(told, "a", encoding="utf-8") as file:
                file.write(f"{number}\n")


def test_kill_9_in_the_middle_of_votes_loses_none_that_was_confirmed(tmp_path: Path) -> None:
    path = tmp_path / "votes.sqlite"
    process = multiprocessing.get_context("spawn").Process(target=_vote_for_ever, args=(path,))
    process.start()
    told = path.with_suffix(".told")
    while not told.is_file() or told.read_text().count("\n") < 20:
        time.sleep(0.02)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    confirmed = {f"v{line}" for line in told.read_text().splitlines()}
    stored = [vote.voter for vote in Votes(path)]
    assert confirmed <= set(stored)
    assert len(stored) == len(set(stored)) <= len(confirmed) + 1
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT COUNT(*) FROM answered").fetchone() == (len(stored),)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
