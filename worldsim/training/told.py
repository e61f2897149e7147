"""Numbers of clips as what a transformer is told."""

from collections.abc import Mapping, Sequence

import torch
from torch.nn import functional as F

from physics_data.core.clip import ClipMeta
from worldsim.data.numbers import read_numbers, require_known
from worldsim.model.conditioning import Told
from worldsim.model.config import NumbersConfig


class ToldNumbers:
    """Reads of clips what a transformer can be told (``model.numbers``)."""

    def __init__(self, wanted: Sequence[NumbersConfig], temporal_factor: int) -> None:
        """Check the names.

        Raises:
            ConfigError: a number that no clip tells, or of another size or kind.
        """
        require_known((one.name, one.size, one.per_frame) for one in wanted)
        self._wanted = tuple(wanted)
        self._factor = temporal_factor

    def __bool__(self) -> bool:
        return bool(self._wanted)

    def of(self, meta: ClipMeta, num_frames: int) -> dict[str, Told]:
        """Return the numbers of one clip of so many video frames; what it does not know is not present.

        Numbers of frames are those of the last video frame that each latent frame stands for.
        """
        frames = range(0, num_frames, self._factor)
        known = read_numbers(meta, [one.name for one in self._wanted], frames)
        found: dict[str, Told] = {}
        for one in self._wanted:
            values = known[one.name]
            rows = len(frames) if one.per_frame else 1
            told = torch.zeros(rows, one.size) if values is None else torch.from_numpy(values).float()
            found[one.name] = Told(told[None], torch.full((1, rows), values is not None))
        return found


def join_told(each: Sequence[Mapping[str, Told]]) -> dict[str, Told]:
    """Put the numbers of several samples together; those of shorter samples end in ones that are not present."""
    joined: dict[str, Told] = {}
    for name in each[0]:
        parts = [one[name] for one in each]
        longest = max(part.present.shape[1] for part in parts)
        values = [F.pad(part.values, (0, 0, 0, longest - part.values.shape[1])) for part in parts]
        present = [F.pad(part.present, (0, longest - part.present.shape[1])) for part in parts]
        joined[name] = Told(torch.cat(values), torch.cat(present))
    return joined


def told_to(told: Mapping[str, Told], device: torch.device) -> dict[str, Told]:
    """Return numbers on another device."""
    return {name: Told(one.values.to(device), one.present.to(device)) for name, one in told.items()}
