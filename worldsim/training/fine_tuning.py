"""Training that starts from a trained transformer: whole, or with small added matrices (LoRA)."""

import re
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
    copied:    names of weights of experts, each a copy of the feed-forward layer that the old model has in their place
    new:       names of those that the old model does not have: they start fresh
    resized:   names with another shape there and here: they start fresh too
    unused:    names of the old model that have no place here
    """

    taken: tuple[str, ...]
    copied: tuple[str, ...]
    new: tuple[str, ...]
    resized: tuple[str, ...]
    unused: tuple[str, ...]

    def lines(self, folder: Path) -> list[str]:
        """Return in words what was taken and what was not, every name of the latter."""
        said = [f"{len(self.taken)} weights are those of {folder}"]
        if self.copied:
            said.append(
                f"{len(self.copied)} of experts are copies of its feed-forward layers: {', '.join(self.copied)}"
            )
        for what, names in (("new", self.new), ("of another shape, so new", self.resized), ("not used", self.unused)):
            if names:
                said.append(f"{len(names)} are {what}: {', '.join(names)}")
        return said


_OF_EXPERT = re.compile(r"\.feed_forward\.(experts\.\d+|detail|layout)\.")


def start_from(model: nn.Module, weights: Path) -> Taken:
    """Copy the weights that fit, by name and shape, and say which do not.

    Where the old model has one feed-forward layer and this one has experts, each expert starts as a copy of that layer.

    Raises:
        CheckpointError: the file is missing or damaged, or nothing in it fits.

    Source: Komatsuzaki et al. (2022), Sparse upcycling: training mixture-of-experts from dense checkpoints.
    """
    old, own = load_tensors(weights), model.state_dict()
    origin = {name: name if name in old else _OF_EXPERT.sub(".feed_forward.", name) for name in own}
    fitting = [name for name, before in origin.items() if before in old and old[before].shape == own[name].shape]
    if not fitting:
        raise CheckpointError(f"no weight of {weights} fits this model; is it of another kind?")
    with torch.no_grad():
        for name in fitting:
            own[name].copy_(old[origin[name]])
    used = set(origin.values())
    return Taken(
        taken=tuple(name for name in fitting if origin[name] == name),
        copied=tuple(name for name in fitting if origin[name] != name),
        new=tuple(name for name, before in origin.items() if before not in old),
        resized=tuple(name for name, before in origin.items() if before in old and name not in fitting),
        unused=tuple(name for name in old if name not in used),
    )
