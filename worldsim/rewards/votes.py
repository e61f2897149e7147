"""People's votes between two videos of one prompt: a table on disk, agreement, position bias, a ranking of models."""

import csv
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass, fields
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Bool, Float
from scipy.optimize import minimize
from scipy.special import expit

from physics_data.core.atomic import atomic_path
from physics_data.core.errors import DataError

CHOICES = ("left", "right", "tie", "both_bad")


@dataclass(frozen=True)
class Vote:
    """One answer. ``left`` and ``right`` are the models as they were shown, ``when`` is in seconds since 1970.

    question:            what was asked, e.g. "permanence" or "motion"
    left_file, right_file:  the videos, "" if they are not known
    """

    voter: str
    when: float
    prompt: str
    question: str
    left: str
    right: str
    choice: str
    left_file: str = ""
    right_file: str = ""


class Votes:
    """Votes in a SQLite file; each is on the disk when ``add`` returns. Several processes may add at once."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it.

        Raises:
            DataError: the file is something else.
        """
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        columns = ", ".join(f'"{f.name}" {"REAL" if f.name == "when" else "TEXT"} NOT NULL' for f in fields(Vote))
        try:
            with closing(self._open()) as database, database:
                database.execute("PRAGMA journal_mode=WAL")
                database.execute(f"CREATE TABLE IF NOT EXISTS votes ({columns})")
                database.execute("CREATE TABLE IF NOT EXISTS answered (ballot TEXT PRIMARY KEY)")
        except sqlite3.DatabaseError as error:
            raise DataError(f"{path} is no file of votes ({error}); give another, or a new name.") from None

    def add(self, votes: Iterable[Vote]) -> int:
        """Store votes, all or none, and return how many.

        Raises:
            DataError: a choice is none of left, right, tie and both_bad, or a vote compares a model with itself.
        """
        rows = list(votes)
        for vote in rows:
            _check(vote)
        with closing(self._open()) as database, database:
            database.executemany(_INSERT, [astuple(vote) for vote in rows])
        return len(rows)

    def add_once(self, vote: Vote, ballot: str) -> bool:
        """Store the answer to a ballot; one that was answered before stays as it is, and False is returned.

        Raises:
            DataError: as ``add``.
        """
        _check(vote)
        with closing(self._open()) as database, database:
            new = database.execute("INSERT OR IGNORE INTO answered VALUES (?)", (ballot,)).rowcount == 1
            if new:
                database.execute(_INSERT, astuple(vote))
        return new

    def since(self, row: int) -> list[tuple[int, Vote]]:
        """Return the votes after a row, 0 for all, each with its row, in the order in which they were stored."""
        with closing(self._open()) as database:
            found = database.execute("SELECT rowid, * FROM votes WHERE rowid > ? ORDER BY rowid", (row,)).fetchall()
        return [(number, Vote(*values)) for number, *values in found]

    def __iter__(self) -> Iterator[Vote]:
        with closing(self._open()) as database:
            rows = database.execute("SELECT * FROM votes ORDER BY rowid").fetchall()
        return iter(Vote(*row) for row in rows)

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=30)


_INSERT = f"INSERT INTO votes VALUES ({', '.join('?' * len(fields(Vote)))})"


def _check(vote: Vote) -> None:
    """Refuse a vote with no choice, or on one model alone."""
    if vote.choice not in CHOICES:
        raise DataError(f"vote of '{vote.voter}' says '{vote.choice}'; write {', '.join(CHOICES)}.")
    if vote.left == vote.right:
        raise DataError(f"vote of '{vote.voter}' compares '{vote.left}' with itself; name two models.")


def read_votes(path: Path) -> list[Vote]:
    """Read votes of any origin from a CSV or Parquet table with the columns of ``Vote`` (files and time may lack).

    Raises:
        DataError: a column is missing, or a row has no number as time; names the row.
    """
    if path.suffix == ".parquet":
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    else:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    votes = []
    for number, row in enumerate(rows, start=1):
        values = {name: row.get(name) for name in (f.name for f in fields(Vote))}
        missing = [name for name in ("voter", "prompt", "question", "left", "right", "choice") if not values[name]]
        if missing:
            raise DataError(f"row {number} of {path} has no {', '.join(missing)}; each vote needs them.")
        try:
            values["when"] = float(values["when"] or 0)
        except ValueError:
            raise DataError(f"row {number} of {path}: when='{row['when']}' is no number of seconds.") from None
        whole: dict[str, Any] = {name: "" if one is None else one for name, one in values.items()}
        votes.append(Vote(**whole))
    return votes


def write_preferences(votes: Iterable[Vote], path: Path) -> int:
    """Write decided votes as a Parquet table of prompt, chosen, rejected and their models; return how many rows.

    ``datasets.load_dataset("parquet", data_files=PATH)`` reads it. Ties are left out.
    """
    rows = []
    for vote in votes:
        if vote.choice in ("left", "right"):
            sides = [(vote.left, vote.left_file), (vote.right, vote.right_file)]
            (chosen, chosen_file), (rejected, rejected_file) = sides if vote.choice == "left" else sides[::-1]
            rows.append(
                {
                    "prompt": vote.prompt,
                    "question": vote.question,
                    "chosen": chosen_file,
                    "rejected": rejected_file,
                    "chosen_model": chosen,
                    "rejected_model": rejected,
                    "voter": vote.voter,
                }
            )
    names = ("prompt", "question", "chosen", "rejected", "chosen_model", "rejected_model", "voter")
    schema = pa.schema([(name, pa.string()) for name in names])
    with atomic_path(path) as partial:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), partial)
    return len(rows)


@dataclass(frozen=True)
class Ranking:
    """Models from best to worst.

    strength:   Bradley-Terry: model a beats b with probability sigmoid(strength a - strength b); their mean is 0
    low, high:  95 % interval over voters
    wins:       share of decided comparisons that it won
    """

    models: tuple[str, ...]
    strength: Float[np.ndarray, "m"]
    low: Float[np.ndarray, "m"]
    high: Float[np.ndarray, "m"]
    wins: Float[np.ndarray, "m"]


def rank(votes: Sequence[Vote], seed: int = 0, resamples: int = 200) -> Ranking:
    """Rank models by the Bradley-Terry model; a tie counts half for each, "both bad" like a tie.

    Voters, not votes, are resampled: answers of one person are not independent. A weak prior (half a win for each side
    of each pair) keeps a model that never lost finite.

    Source: Bradley and Terry (1952), Rank analysis of incomplete block designs.

    Raises:
        DataError: there is no vote.
    """
    if not votes:
        raise DataError("there is no vote to rank by.")
    models = sorted({name for vote in votes for name in (vote.left, vote.right)})
    number = {name: index for index, name in enumerate(models)}
    voters = sorted({vote.voter for vote in votes})
    tables = np.zeros((len(voters), len(models), len(models)))
    for vote in votes:
        left, right = number[vote.left], number[vote.right]
        won = {"left": 1.0, "right": 0.0}.get(vote.choice, 0.5)
        table = tables[voters.index(vote.voter)]
        table[left, right] += won
        table[right, left] += 1 - won
    total = tables.sum(0)
    strength = _bradley_terry(total)
    drawn = np.random.default_rng(seed)
    others = np.array([
        _bradley_terry(tables[drawn.integers(0, len(voters), len(voters))].sum(0)) for _ in range(resamples)
    ])  # fmt: skip
    low, high = np.quantile(others, [0.025, 0.975], axis=0)
    wins = total.sum(1) / np.maximum(total.sum(1) + total.sum(0), 1e-9)
    order = np.argsort(-strength)
    return Ranking(tuple(models[k] for k in order), strength[order], low[order], high[order], wins[order])


def _bradley_terry(wins: Float[np.ndarray, "m m"]) -> Float[np.ndarray, "m"]:
    """Return the strengths of the largest likelihood; ``wins[a, b]`` = how often a beat b."""
    met = wins + wins.T > 0
    counted = wins + 0.5 * met

    def loss(strength: np.ndarray) -> tuple[float, np.ndarray]:
        apart = strength[:, None] - strength[None]
        surprise = counted * expit(-apart)
        return float((counted * np.logaddexp(0, -apart)).sum()), surprise.sum(0) - surprise.sum(1)

    found = minimize(loss, np.zeros(len(wins)), jac=True, method="L-BFGS-B").x
    return found - found.mean()


def agreement(votes: Sequence[Vote]) -> float | None:
    """Return how often two voters who saw the same comparison and decided agree, 0 to 1; None if none did."""
    answers: dict[tuple[str, ...], dict[str, str]] = defaultdict(dict)
    for vote in votes:
        if vote.choice in ("left", "right"):
            key = (vote.prompt, vote.question, *sorted((vote.left, vote.right)))
            answers[key][vote.voter] = vote.left if vote.choice == "left" else vote.right
    same = [one == other for given in answers.values() for one, other in combinations(given.values(), 2)]
    return float(np.mean(same)) if same else None


def position_bias(votes: Sequence[Vote]) -> tuple[float, float, float]:
    """Return the share of decided votes for the left video and its 95 % interval (Wilson).

    With the order drawn at random it is 0.5 for voters who look.

    Raises:
        DataError: no vote is decided.
    """
    decided = np.array([vote.choice == "left" for vote in votes if vote.choice in ("left", "right")])
    if not len(decided):
        raise DataError("no vote says left or right, so there is no position bias to measure.")
    return share_interval(decided)


def share_interval(outcomes: Sequence[bool] | Bool[np.ndarray, "n"]) -> tuple[float, float, float]:
    """Return the share of true outcomes, one at least, and its 95 % interval (Wilson 1927)."""
    n, share, z = len(outcomes), float(np.mean(outcomes)), 1.959964
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    return share, centre - half, centre + half
