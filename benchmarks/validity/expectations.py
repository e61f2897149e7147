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


_PRESENCE = "object_permanence survival count births identity identity_f1 permanence"
_PLACE = "motion_realism position_error velocity_error gravity_error acceleration_error trajectory_error drift"

EXPECTED: dict[Category, Expectation] = {
    "permanence": _of(_PRESENCE, _PLACE),
    "immutability": _of("attribute_drift attributes " + _PRESENCE, _PLACE),
    "continuity": _of(_PLACE, _PRESENCE),
    "solidity": _of(_PLACE + " interpenetration momentum_residual restitution", _PRESENCE),
    "gravity": _of(_PLACE),
    "support": _of(_PLACE + " rest support"),
    "inertia": _of(_PLACE + " momentum_residual energy_residual"),
    "collision": _of(_PLACE + " momentum_residual energy_residual restitution contact_time"),
    "friction": _of(_PLACE + " energy_residual"),
    "persistence": _of(_PLACE, _PRESENCE),
}


def should_notice(category: Category, metrics: Collection[str]) -> list[str]:
    """Return the metrics, of those there are, of which one has to notice violations of a category."""
    return sorted((EXPECTED[category].should | SUMMARIES) & set(metrics))


def should_not_notice(category: Category, metrics: Collection[str]) -> list[str]:
    """Return the metrics, of those there are, that a violation of a category should leave alone."""
    expected = EXPECTED[category]
    return sorted(set(metrics) - expected.should - expected.may - SUMMARIES)
