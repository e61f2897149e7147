"""Training that starts from a trained transformer: whole, or with small added matrices (LoRA)."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from physics_data.core.errors import CheckpointError
from worldsim.cards import load_tensors


@dataclass(frozen=True)
class Taken:
    """Which weights a fine-tuning run got from where.

    taken:     names of those of the old model
    new:       names of those that the old model does not have: they start fresh
    resized:   names with another shape there and here: they start fresh too
    unused:    names of the old model that have no place here
    """

    taken: tuple[str, ...]
    new: tuple[str, ...]
    resized: tuple[str, ...]
    unused: tuple[str, ...]

    def lines(self, folder: Path) -> list[str]:
        """Return in words what was taken and what was not, every name of the latter."""
        said = [f"{len(self.taken)} weights are those of {folder}"]
        for what, names in (("new", self.new), ("of another shape, so new", self.resized), ("not used", self.unused)):
            if names:
                said.append(f"{len(names)} are {what}: {', '.join(names)}")
        return said


def start_from(model: nn.Module, weights: Path) -> Taken:
    """Copy the weights that fit, by name and shape, and say which do not.

    Raises:
        CheckpointError: the file is missing or damaged, or nothing in it fits.
    """
    old, own = load_tensors(weights), model.state_dict()
    taken = [name for name, value in own.items() if name in old and old[name].shape == value.shape]
    if not taken:
        raise CheckpointError(f"no weight of {weights} fits this model; is it of another kind?")
    with torch.no_grad():
        for name in taken:
            own[name].copy_(old[name])
    new = [name for name in own if name not in old]
    resized = [name for name in own if name in old and name not in taken]
    return Taken(tuple(taken), tuple(new), tuple(resized), tuple(name for name in old if name not in own))
