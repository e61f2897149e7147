"""Records of counterfactual sets: one scene, and the same scene with one thing changed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from physics_data.core.actions import Action
from physics_data.core.atomic import write_text
from physics_data.core.config import StrictModel, read_json, validate_config
from physics_data.core.errors import DataError

SETS_NAME = "counterfactuals.json"


class Counterfactual(StrictModel):
    """One thing that is changed in a scene, and what follows.

    key:              of the clip
    change:           name of the change, e.g. "gravity"
    action:           the change; right after its frame. Up to that frame the clip equals the factual one, to the bit
    must_differ:      bodies that are elsewhere, or gone, in the last frame by more than ``tolerance``
    must_not_differ:  bodies that are in the same place in every frame, to 0.1 mm
    tolerance:        m
    """

    key: str
    change: str
    action: Action
    must_differ: tuple[str, ...]
    must_not_differ: tuple[str, ...]
    tolerance: float


class CounterfactualSet(StrictModel):
    """A factual clip and its counterfactuals.

    name:     of the set
    factual:  key of the clip in which nothing is changed
    """

    name: str
    factual: str
    counterfactuals: Annotated[tuple[Counterfactual, ...], Field(min_length=1)]


class _Record(StrictModel):
    format: Literal["worldsim.counterfactuals/1"] = "worldsim.counterfactuals/1"
    sets: tuple[CounterfactualSet, ...]


def write_sets(folder: Path, sets: tuple[CounterfactualSet, ...]) -> None:
    """Write the record of a dataset's sets."""
    write_text(folder / SETS_NAME, _Record(sets=sets).model_dump_json(indent=1))


def read_sets(folder: Path) -> tuple[CounterfactualSet, ...]:
    """Read the record of a dataset's sets.

    Raises:
        DataError: there is none, or it is damaged.
    """
    path = folder / SETS_NAME
    if not path.is_file():
        raise DataError(
            f"{folder} has no {SETS_NAME}; make sets with "
            f"'python -m physics_data counterfactuals SCENE --out {folder}'."
        )
    return validate_config(_Record, read_json(path), source=str(path), error_class=DataError).sets


def pairs_of(sets: tuple[CounterfactualSet, ...]) -> Iterator[tuple[str, Counterfactual]]:
    """Yield the factual key and the counterfactual, of all sets."""
    for one in sets:
        for counterfactual in one.counterfactuals:
            yield one.factual, counterfactual
