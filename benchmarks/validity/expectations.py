"""Which metrics should notice which violation: written down before anything is measured.

A metric that is named neither as one that should notice nor as one that may should stay near one half. "May" is what a
violation drags along: an object that is gone has no place either.
"""

from collections.abc import Collection
from dataclasses import dataclass

from physics_data.editors.base import Category

SUMMARIES = frozenset({"overall"})
"""Metrics that sum up others: they should notice everything."""


@dataclass(frozen=True)
class Expectation:
    """should: at least one of these has to notice; may: these are free to."""

    should: frozenset[str]
    may: frozenset[str] = frozenset()


def _of(should: str, may: str = "") -> Expectation:
    return Expectation(frozenset(should.split()), frozenset(may.split()))


_PRESENCE = "object_permanence survival reappearance count identity"
_PLACE = "motion_realism free_motion position_skill velocity_skill acceleration_skill velocity_error gravity_error"
_IMPACT = "contact_time restitution momentum energy"
_REST = "rest drift"

EXPECTED: dict[Category, Expectation] = {
    "permanence": _of(_PRESENCE, f"attributes {_PLACE} {_IMPACT} {_REST}"),
    "immutability": _of("attributes " + _PRESENCE, f"{_PLACE} {_IMPACT} {_REST}"),
    "continuity": _of(_PLACE, f"{_PRESENCE} attributes {_IMPACT} {_REST}"),
    "solidity": _of(f"{_PLACE} {_IMPACT}", f"{_PRESENCE} attributes {_REST}"),
    "gravity": _of(f"{_PLACE} rest", f"{_IMPACT} drift"),
    "support": _of(f"{_PLACE} {_REST}", _IMPACT),
    "inertia": _of(f"{_PLACE} momentum energy {_REST}", "contact_time restitution"),
    "collision": _of(f"{_PLACE} {_IMPACT}", _REST),
    "friction": _of(f"{_PLACE} energy", f"{_REST} contact_time restitution momentum"),
    "persistence": _of(_PLACE, f"{_PRESENCE} attributes {_IMPACT} {_REST}"),
}


def should_notice(category: Category, metrics: Collection[str]) -> list[str]:
    """Return the metrics, of those there are, of which one has to notice violations of a category."""
    return sorted((EXPECTED[category].should | SUMMARIES) & set(metrics))


def should_not_notice(category: Category, metrics: Collection[str]) -> list[str]:
    """Return the metrics, of those there are, that a violation of a category should leave alone."""
    expected = EXPECTED[category]
    return sorted(set(metrics) - expected.should - expected.may - SUMMARIES)
