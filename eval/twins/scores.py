"""What a model says of clips: a number for each, and a number for each of its frames where it has them."""

import csv
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Literal

from physics_data.core.errors import DataError, suggest

Meaning = Literal["plausibility", "loss"]
"""What a larger number says: that the clip is more plausible (a likelihood), or less (a denoising loss, a surprise)."""


@dataclass(frozen=True)
class ClipScore:
    """A model's opinion of one clip; higher = more plausible, whatever the file says.

    score:   None where the file has no finite number, which loses every comparison
    frames:  one number per frame, not finite ones as None; None where the file has none
    """

    score: float | None
    frames: tuple[float | None, ...] | None = None


def read_scores(path: Path, keys: Collection[str], meaning: Meaning = "plausibility") -> dict[str, ClipScore]:
    """Read a CSV with the columns key and score, or JSON: ``{key: score}`` or ``{key: {"score": s, "frames": [...]}}``.

    Every one of ``keys`` gets an entry. What is missing, empty, NaN or infinite is None: it counts as the worst, and
    is never left out.

    Raises:
        DataError: no such file, another form, a key twice, or a key that is no clip.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"no table {path}; give a .csv with the columns key and score, or a .json.")
    given = dict(_unique(path, _read_json(path) if path.suffix.lower() == ".json" else _read_csv(path)))
    strangers = sorted(set(given) - set(keys))
    if strangers:
        raise DataError(
            f"{path} has {len(strangers)} keys that are no clip of a set of twins, such as '{strangers[0]}': "
            + suggest(strangers[0], sorted(keys)[:4])
        )
    if not given:
        raise DataError(f"{path} holds no score; write one line per clip, with its key and a number.")
    sign = 1.0 if meaning == "plausibility" else -1.0
    return {key: _opinion(path, key, given.get(key), sign) for key in sorted(keys)}


def _read_csv(path: Path) -> Iterable[tuple[str, Any]]:
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if not {"key", "score"} <= set(reader.fieldnames or ()):
                raise DataError(f"{path} has the columns {reader.fieldnames}; it needs key and score.")
            return [(line["key"], line["score"]) for line in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is no CSV ({error}); write the columns key and score, a line per clip.") from error


def _read_json(path: Path) -> Iterable[tuple[str, Any]]:
    try:
        pairs = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_Pairs)
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f'{path} is no JSON ({error}); write {{"KEY": score, ...}}.') from error
    if not isinstance(pairs, _Pairs):
        raise DataError(f'{path} holds a {type(pairs).__name__}; write {{"KEY": score, ...}}.')
    return pairs


class _Pairs(list[tuple[str, Any]]):
    """The members of a JSON object in order, repeated names included, which a dictionary would swallow."""


def _unique(path: Path, pairs: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    pairs, seen = list(pairs), set()
    for key, _ in pairs:
        if key in seen:
            raise DataError(f"{path} has two scores for '{key}'; keep one.")
        seen.add(key)
    return pairs


def _opinion(path: Path, key: str, value: Any, sign: float) -> ClipScore:
    if not isinstance(value, _Pairs):
        return ClipScore(_number(value, sign))
    members = dict(_unique(path, value))
    unknown = sorted(set(members) - {"score", "frames"})
    if unknown or "score" not in members:
        raise DataError(f"{path}: '{key}' has {sorted(members)}; it takes score, and frames if you have them.")
    frames = members.get("frames")
    if frames is not None and not isinstance(frames, list):
        raise DataError(f"{path}: the frames of '{key}' are {frames!r}; write a list with a number per frame.")
    return ClipScore(
        _number(members["score"], sign), None if frames is None else tuple(_number(f, sign) for f in frames)
    )


def _number(value: Any, sign: float) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = sign * float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if isfinite(number) else None
