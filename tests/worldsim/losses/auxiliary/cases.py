"""Which violations each auxiliary loss must see."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Case:
    """What the contract expects of a loss that judges predicted clips.

    editors:   impossible clips; shown where their possible counterpart is true, the loss must rise,
               on average over four of them, by ``margin`` above what it is for the truth
    margin:    in the units of the loss
    downhill:  editor whose violation gradient steps must undo
    agrees:    whether probes that learned from another start must find the violation undone, too; those that read
               states hear their own gradient alone after a minute of training
    floor:     largest loss of a true clip
    settings:  of the loss
    """

    editors: tuple[str, ...]
    margin: float
    downhill: str
    agrees: bool = True
    floor: float = 0.0
    settings: dict[str, object] = field(default_factory=dict)


CASES: dict[str, Case] = {
    "identity": Case(("color_swap", "shape_swap", "size_swap", "vanish", "teleport"), 0.1, "color_swap"),
    "permanence": Case(("vanish", "hidden_vanish", "duplicate", "appear", "teleport"), 0.05, "vanish"),
    "attributes": Case(("color_swap", "size_swap"), 0.05, "color_swap"),
    "physical_plausibility": Case(("teleport", "wrong_g", "sudden_stop"), 0.05, "teleport", agrees=False),
}
