"""Which metrics should notice which violation: written down before anything is measured.

The headline metric is judged; the components are those that should say what was broken. A metric that is neither, nor
free to notice, should stay near one half. Free is what a violation drags along: an object that is gone has no place.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from physics_data.editors import EDITORS
from physics_data.editors.editor import Category

SUMMARIES = frozenset({"overall"})
"""Metrics that sum up others: they should notice everything."""

Headline = Literal["object_permanence", "motion_realism", "rest"]


@dataclass(frozen=True)
class Expectation:
    """headline: has to notice; components: at least one of these has to; may: these are free to."""

    headline: Headline
    components: frozenset[str]
    may: frozenset[str]


_HEADLINE: dict[Category, Headline] = {"permanence": "object_permanence", "immutability": "object_permanence"}
"""Categories of permanence; all others are of motion."""

_HEADLINE_OF: dict[str, Headline] = {"path_gap": "object_permanence", "spontaneous_start": "rest"}
"""Violations that differ from their category: what leaves out a gap is not seen while it should be; where nothing moves
in the lawful scene, motion realism does not apply, since a still video is right there."""

COMPONENTS: dict[str, str] = {
    "vanish": "survival count identity",
    "appear": "count identity",
    "duplicate": "count identity",
    "hidden_vanish": "survival reappearance count identity",
    "hidden_appear": "count identity",
    "hidden_duplicate": "count identity",
    "color_swap": "attributes",
    "shape_swap": "attributes",
    "size_swap": "attributes",
    "texture_swap": "attributes",
    "hidden_color_swap": "attributes",
    "hidden_shape_swap": "attributes",
    "hidden_size_swap": "attributes",
    "hidden_texture_swap": "attributes",
    "teleport": "position_skill velocity_skill free_motion",
    "hidden_teleport": "position_skill free_motion reappearance",
    "path_gap": "survival count reappearance",
    "freeze_off_screen": "position_skill free_motion reappearance",
    "reset_on_return": "position_skill free_motion reappearance",
    "pass_through": "velocity_skill contact_time restitution momentum",
    "block_without_cause": "velocity_skill position_skill free_motion",
    "float": "free_motion gravity_error acceleration_skill rest",
    "wrong_g": "free_motion gravity_error acceleration_skill",
    "no_support_needed": "rest free_motion position_skill",
    "spontaneous_start": "drift",
    "sudden_stop": "velocity_skill position_skill free_motion",
    "sudden_turn": "velocity_skill position_skill free_motion",
    "action_without_contact": "position_skill contact_time",
    "energy_gain": "energy restitution",
    "momentum_not_conserved": "momentum energy",
    "time_reversal": "energy restitution",
    "wrong_bounce": "restitution velocity_skill",
    "friction_sign": "energy velocity_skill",
}
"""Violation → the components that should say what was broken."""

_PRESENCE = "object_permanence survival reappearance containment count identity attributes"
_MOTION = (
    "motion_realism free_motion position_skill velocity_skill acceleration_skill velocity_error gravity_error "
    "contact_time restitution momentum energy rest drift"
)

_MAY: dict[Category, str] = {
    "permanence": f"{_PRESENCE} {_MOTION}",
    "immutability": f"{_PRESENCE} {_MOTION}",
    "continuity": f"{_PRESENCE} {_MOTION}",
    "persistence": f"{_PRESENCE} {_MOTION}",
    "solidity": f"{_PRESENCE} {_MOTION}",
}
"""Category → what its violations are free to move; of those that are not named, all of motion and nothing else."""


def expectation(violation: str) -> Expectation:
    """Return what should notice a violation.

    Raises:
        UnknownNameError: no such violation.
    """
    category = EDITORS.get(violation).info.category
    headline = _HEADLINE_OF.get(violation, _HEADLINE.get(category, "motion_realism"))
    components = frozenset(COMPONENTS[violation].split())
    may = frozenset(_MAY.get(category, _MOTION).split())
    return Expectation(headline, components, may - components - {headline})


def should_notice(violation: str, metrics: Collection[str]) -> list[str]:
    """Return the metrics, of those there are, that should notice a violation."""
    expected = expectation(violation)
    return sorted((expected.components | SUMMARIES | {expected.headline}) & set(metrics))


def should_not_notice(violation: str, metrics: Collection[str]) -> list[str]:
    """Return the metrics, of those there are, that a violation should leave alone."""
    expected = expectation(violation)
    return sorted(set(metrics) - expected.components - expected.may - SUMMARIES - {expected.headline})
