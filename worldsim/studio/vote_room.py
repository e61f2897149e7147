"""The room Vote: two videos of one prompt, blind; what was answered goes into the votes that rewards read."""

import json
import random
import secrets
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response

from physics_data.core.config import StrictModel
from physics_data.core.errors import DataError
from worldsim.rewards.votes import Vote, Votes, agreement, position_bias, rank
from worldsim.studio.workspace import MAX_DEPTH, Workspace

QUESTIONS = {
    "permanence": "In which video do things better stay what and where they are?",
    "motion": "In which video do things move more as they really would?",
}

PROMPTS_NAME = "prompts.json"
"""Optional file beside the models' folders: name of a video without suffix → its prompt."""

MAX_OPEN = 4096
"""Ballots that wait for an answer; older ones are forgotten."""


@dataclass(frozen=True)
class Ballot:
    """Two videos of one prompt as a voter sees them; ``left`` and ``right`` are models."""

    place: str
    key: str
    prompt: str
    left: str
    right: str
    voter: str


class Answer(StrictModel):
    """What a voter says to one question of a ballot."""

    ballot: str
    question: Literal["permanence", "motion"]
    choice: Literal["left", "right", "tie", "both_bad"]


class VoteRoom:
    """Ballots that are open, and who has voted on what."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.votes = Votes(workspace.home / "votes.sqlite")
        self._guard = threading.Lock()
        self._open: OrderedDict[str, Ballot] = OrderedDict()
        self._row = 0
        self._known: list[Vote] = []
        self._answered: Counter[tuple[str, str, frozenset[str], str]] = Counter()
        self._met: Counter[tuple[str, str, frozenset[str]]] = Counter()

    def contests(self) -> list[dict[str, Any]]:
        """Return the folders in which two or more models have videos of the same names."""
        found = []
        for folder in self._workspace.folders:
            for one in _below(folder, MAX_DEPTH):
                if self._workspace.home != one and (pairs := _pairs(one)):
                    systems = sorted({name for _, pair in pairs for name in pair})
                    found.append({"place": self._workspace.place(one), "systems": len(systems), "pairs": len(pairs)})
        return found

    def draw(self, place: str, voter: str) -> dict[str, Any]:
        """Return the next ballot of a voter: a pair that they have not answered, and that few others have.

        Raises:
            DataError: no nickname, or nothing to compare there.
        """
        voter = " ".join(voter.split())[:40]
        if not voter:
            raise DataError("give a nickname, so that agreement between voters can be told.")
        folder = self._workspace.path(place)
        place = self._workspace.place(folder)
        pairs = _pairs(folder)
        if not pairs:
            raise DataError(f"'{place}' holds no two models with videos of the same name.")
        with self._guard:
            self._catch_up()
            left = [pair for pair in pairs if self._answered[place, *pair, voter] < len(QUESTIONS)]
            facts = {"done": len(pairs) - len(left), "total": len(pairs), "questions": QUESTIONS}
            if not left:
                return {**facts, "ballot": None}
            fewest = min(self._met[place, *pair] for pair in left)
            key, both = random.choice([pair for pair in left if self._met[place, *pair] == fewest])
            names = sorted(both)
            if secrets.randbelow(2):
                names.reverse()
            number = secrets.token_urlsafe(12)
            self._open[number] = Ballot(place, key, prompt_of(folder, key), names[0], names[1], voter)
            if len(self._open) > MAX_OPEN:
                self._open.popitem(last=False)
        return {**facts, "ballot": number, "prompt": self._open[number].prompt}

    def ballot(self, number: str) -> Ballot:
        """Return an open ballot.

        Raises:
            DataError: it is not open.
        """
        with self._guard:
            if number not in self._open:
                raise DataError("this comparison is no longer open; take the next one.")
            return self._open[number]

    def answer(self, given: Answer) -> bool:
        """Store an answer, and return whether it is new; it is on the disk then."""
        one = self.ballot(given.ballot)
        files = [f"{one.place}/{system}/{one.key}.mp4" for system in (one.left, one.right)]
        vote = Vote(one.voter, time.time(), one.prompt, given.question, one.left, one.right, given.choice, *files)
        return self.votes.add_once(vote, f"{given.ballot} {given.question}")

    def results(self, place: str, question: str) -> dict[str, Any]:
        """Return the ranking with its intervals, agreement and position bias of a contest so far."""
        place = self._workspace.place(self._workspace.path(place))
        with self._guard:
            self._catch_up()
            known = [vote for vote in self._known if question in ("", vote.question)]
        votes = [vote for vote in known if vote.left_file.startswith(f"{place}/")]
        found: dict[str, Any] = {"votes": len(votes), "voters": len({vote.voter for vote in votes}), "ranking": []}
        if not votes:
            return found
        ranking = rank(votes)
        columns = (ranking.models, ranking.strength, ranking.low, ranking.high, ranking.wins)
        for model, strength, low, high, wins in zip(*columns, strict=True):
            row = {"strength": float(strength), "low": float(low), "high": float(high), "wins": float(wins)}
            found["ranking"].append({"model": model, **row})
        found["agreement"] = agreement(votes)
        if any(vote.choice in ("left", "right") for vote in votes):
            found["position_bias"] = list(position_bias(votes))
        return found

    def _catch_up(self) -> None:
        for row, vote in self.votes.since(self._row):
            self._row = row
            self._known.append(vote)
            place, _, rest = vote.left_file.rpartition("/")
            pair = (place.rpartition("/")[0], rest.removesuffix(".mp4"), frozenset((vote.left, vote.right)))
            self._answered[*pair, vote.voter] += 1
            self._met[pair] += 1


def routes(room: VoteRoom, workspace: Workspace) -> APIRouter:
    """Return the room's part of the application."""
    router = APIRouter(prefix="/api/vote")

    @router.get("/contests")
    def contests() -> list[dict[str, Any]]:
        return room.contests()

    @router.get("/next")
    def following(place: str, voter: str) -> dict[str, Any]:
        return room.draw(place, voter)

    @router.get("/video/{number}/{side}")
    def video(number: str, side: Literal["left", "right"]) -> Response:
        one = room.ballot(number)
        system = one.left if side == "left" else one.right
        path = workspace.path(f"{one.place}/{system}/{one.key}.mp4")
        return FileResponse(path, media_type="video/mp4", headers={"cache-control": "no-store"})

    @router.post("/answer")
    def answer(given: Answer) -> dict[str, bool]:
        return {"is_new": room.answer(given)}

    @router.get("/results")
    def results(place: str, question: str = "") -> dict[str, Any]:
        return room.results(place, question)

    return router


def prompt_of(folder: Path, key: str) -> str:
    """Return the prompt of a video: from ``prompts.json``, else the words of its name."""
    path = folder / PROMPTS_NAME
    if path.is_file():
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, OSError) as error:
            raise DataError(f"{PROMPTS_NAME} beside the videos cannot be read ({error}); write name: prompt.") from None
        if isinstance(found, dict) and isinstance(found.get(key), str):
            return found[key]
    return key.replace("_", " ")


def _below(folder: Path, depth: int) -> Iterator[Path]:
    yield folder
    if depth:
        for child in sorted(folder.iterdir()):
            if child.is_dir() and not child.is_symlink() and not child.name.startswith("."):
                yield from _below(child, depth - 1)


def _pairs(folder: Path) -> list[tuple[str, frozenset[str]]]:
    """Return (key, two models) of everything that can be compared in a folder."""
    systems: dict[str, set[str]] = {}
    for child in sorted(folder.iterdir()):
        if child.is_dir() and not child.is_symlink():
            for file in child.glob("*.mp4"):
                systems.setdefault(file.stem, set()).add(child.name)
    return [(key, frozenset(two)) for key, names in sorted(systems.items()) for two in combinations(sorted(names), 2)]
