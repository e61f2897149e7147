"""``RaftFlow``: optical flow by RAFT, from torchvision."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch.nn import functional as F

from worldsim.data.annotations.flow import agreeing
from worldsim.data.annotations.learned.weights import device, load_weights, need_package

_MULTIPLE = 8
_LEAST_SIDE = 128
"""The network wants sides in multiples of 8, of at least 128 pixels; smaller pictures are enlarged for it."""


class RaftFlow:
    """Optical flow by RAFT (torchvision's ``raft_large``), forwards and backwards.

    Source: Teed & Deng (2020), RAFT: Recurrent all-pairs field transforms for optical flow.
    """

    labels: ClassVar[tuple[str, ...]] = ("optical_flow", "backward_flow")

    def __init__(self, weights: str | None = None) -> None:
        """Load a file of weights (``torch.save`` of a state dict), or torchvision's own."""
        models = need_package("flow_raft", "torchvision.models.optical_flow", "torchvision")
        self._weights = weights or "torchvision:C_T_SKHT_V2"

        def load() -> Any:
            if weights is None:
                return models.raft_large(weights=models.Raft_Large_Weights.C_T_SKHT_V2, progress=False)
            network = models.raft_large()
            network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
            return network

        self._device = device()
        self._network = load_weights("flow_raft", self._weights, load).to(self._device).eval()

    @property
    def identity(self) -> Mapping[str, str]:
        """Method and weights."""
        return {"method": "raft_large", "weights": self._weights, "torch": torch.__version__}

    def annotate(self, rgb: UInt8[np.ndarray, "t h w 3"], frame_rate: float) -> dict[str, np.ndarray]:
        """Return both flows and where each is believed; nothing for a single frame."""
        if len(rgb) < 2:
            return {}
        forwards = np.stack([self._between(before, after) for before, after in pairwise(rgb)])
        backwards = np.stack([self._between(after, before) for before, after in pairwise(rgb)])
        pairs = list(zip(forwards, backwards, strict=True))
        return {
            "optical_flow": forwards,
            "optical_flow_seen": np.stack([agreeing(there, back) for there, back in pairs]),
            "backward_flow": backwards,
            "backward_flow_seen": np.stack([agreeing(back, there) for there, back in pairs]),
        }

    @torch.no_grad()
    def _between(self, before: np.ndarray, after: np.ndarray) -> Float[np.ndarray, "h w 2"]:
        height, width = before.shape[:2]
        size = [max(_LEAST_SIDE, -(-side // _MULTIPLE) * _MULTIPLE) for side in (height, width)]
        pair = torch.from_numpy(np.stack([before, after])).permute(0, 3, 1, 2).float().to(self._device) / 127.5 - 1
        pair = F.interpolate(pair, size=size, mode="bilinear", align_corners=False)
        flow = self._network(pair[:1], pair[1:])[-1]
        flow = F.interpolate(flow, size=(height, width), mode="bilinear", align_corners=False)[0]
        scale = torch.tensor([width / size[1], height / size[0]], device=flow.device)
        return (flow.permute(1, 2, 0) * scale).float().cpu().numpy()
