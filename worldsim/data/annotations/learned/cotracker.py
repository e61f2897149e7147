"""``CoTrackerTracks``: point tracks by CoTracker 3, from torch hub or a local checkout."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import UInt8

from worldsim.data.annotations.learned.weights import device, load_weights
from worldsim.data.annotations.tracks import NUM_POINTS

_HUB = "facebookresearch/co-tracker"
_ENTRY = "cotracker3_offline"


class CoTrackerTracks:
    """Point tracks by CoTracker 3, started on a grid in the first, middle and last frame.

    Source: Karaev et al. (2024), CoTracker3: Simpler and better point tracking by pseudo-labelling real videos.
    """

    labels: ClassVar[tuple[str, ...]] = ("tracks",)

    def __init__(self, weights: str | None = None) -> None:
        """Load a local checkout of the repository (a folder), or the hub's."""
        self._weights = weights or _HUB

        def load() -> Any:
            if weights is not None and not (Path(weights) / "hubconf.py").is_file():
                raise ValueError(f"{weights} is no checkout of {_HUB}: it has no hubconf.py")
            source = "github" if weights is None else "local"
            return torch.hub.load(self._weights, _ENTRY, source=source, trust_repo=True)  # pyright: ignore[reportArgumentType]

        self._device = device()
        self._network = load_weights("tracks_cotracker", self._weights, load).to(self._device).eval()

    @property
    def identity(self) -> Mapping[str, str]:
        """Method and weights."""
        return {"method": f"{_ENTRY}, {NUM_POINTS} points", "weights": self._weights, "torch": torch.__version__}

    @torch.no_grad()
    def annotate(self, rgb: UInt8[np.ndarray, "t h w 3"], frame_rate: float) -> dict[str, np.ndarray]:
        """Return the tracks; nothing for a single frame."""
        if len(rgb) < 2:
            return {}
        height, width = rgb.shape[1:3]
        moments = np.array([0, len(rgb) // 2, len(rgb) - 1])[np.arange(NUM_POINTS) % 3]
        side = int(np.ceil(np.sqrt(NUM_POINTS)))
        cells = np.stack(np.divmod(np.arange(NUM_POINTS), side), axis=1)[:, ::-1] + 0.5
        places = cells / side * np.array([width, height])
        queries = np.concatenate([moments[:, None], places - 0.5], axis=1).astype(np.float32)
        video = torch.from_numpy(rgb).permute(0, 3, 1, 2)[None].float().to(self._device)
        tracks, visible = self._network(
            video, queries=torch.from_numpy(queries)[None].to(self._device), backward_tracking=True
        )
        return {
            "track_pixel": tracks[0].float().cpu().numpy() + np.float32(0.5),
            "track_visible": visible[0].bool().cpu().numpy(),
        }
