"""``DepthAnythingDepth``: relative depth of single frames by Depth Anything, through transformers."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import UInt8
from torch.nn import functional as F

from worldsim.data.annotations.learned.weights import device, load_weights, need_package

_DEFAULT = "depth-anything/Depth-Anything-V2-Small-hf"


class DepthAnythingDepth:
    """Relative depth by Depth Anything V2; the network tells nearness, stored is its negative, which grows with depth.

    Source: Yang et al. (2024), Depth Anything V2.
    """

    labels: ClassVar[tuple[str, ...]] = ("relative_depth",)

    def __init__(self, weights: str | None = None) -> None:
        """Load a folder with model and processor, or a model of the hub."""
        transformers = need_package("depth_anything", "transformers", "transformers")
        self._weights = weights or _DEFAULT
        self._processor = load_weights(
            "depth_anything", self._weights, lambda: transformers.AutoImageProcessor.from_pretrained(self._weights)
        )
        network = load_weights(
            "depth_anything",
            self._weights,
            lambda: transformers.AutoModelForDepthEstimation.from_pretrained(self._weights),
        )
        self._device = device()
        self._network = network.to(self._device).eval()

    @property
    def identity(self) -> Mapping[str, str]:
        """Method and weights."""
        return {"method": "depth of single frames, negative nearness", "weights": self._weights}

    @torch.no_grad()
    def annotate(self, rgb: UInt8[np.ndarray, "t h w 3"], frame_rate: float) -> dict[str, np.ndarray]:
        """Return the depth of every frame."""
        height, width = rgb.shape[1:3]
        frames = []
        for frame in rgb:
            given = self._processor(images=frame, return_tensors="pt").to(self._device)
            nearness = self._network(**given).predicted_depth[:, None]
            nearness = F.interpolate(nearness, size=(height, width), mode="bilinear", align_corners=False)
            frames.append(-nearness[0, 0].float().cpu().numpy())
        return {"relative_depth": np.stack(frames)}
