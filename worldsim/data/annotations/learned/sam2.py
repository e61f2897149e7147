"""``Sam2Masks``: instance masks by SAM 2, through transformers, started on what moves."""

from collections.abc import Mapping
from typing import ClassVar

import cv2
import numpy as np
import torch
from jaxtyping import Bool, UInt8

from worldsim.data.annotations.learned.weights import device, load_weights, need_package
from worldsim.data.annotations.moving import MovingPixels

_DEFAULT = "facebook/sam2.1-hiera-tiny"
_MOST_OBJECTS = 8
_LEAST_SHARE = 0.002
"""Regions that move and cover a smaller share of the picture are not followed."""


class Sam2Masks:
    """Instance ids by SAM 2, which follows the (at most 8) largest moving regions of the middle frame both ways.

    Source: Ravi et al. (2024), SAM 2: Segment anything in images and videos.
    """

    labels: ClassVar[tuple[str, ...]] = ("instance_ids",)

    def __init__(self, weights: str | None = None) -> None:
        """Load a folder with model and processor, or a model of the hub."""
        transformers = need_package("masks_sam2", "transformers", "transformers")
        self._weights = weights or _DEFAULT
        self._processor = load_weights(
            "masks_sam2", self._weights, lambda: transformers.Sam2VideoProcessor.from_pretrained(self._weights)
        )
        network = load_weights(
            "masks_sam2", self._weights, lambda: transformers.Sam2VideoModel.from_pretrained(self._weights)
        )
        self._device = device()
        self._network = network.to(self._device).eval()
        self._moving = MovingPixels()

    @property
    def identity(self) -> Mapping[str, str]:
        """Method and weights."""
        return {"method": f"{_MOST_OBJECTS} moving regions of the middle frame", "weights": self._weights}

    @torch.no_grad()
    def annotate(self, rgb: UInt8[np.ndarray, "t h w 3"], frame_rate: float) -> dict[str, np.ndarray]:
        """Return the ids, largest region first; nothing for a single frame or where nothing moves."""
        moving = self._moving.annotate(rgb, frame_rate)
        middle = len(rgb) // 2
        regions = _regions(moving["moving_mask"][middle]) if moving else []
        if not regions:
            return {}
        session = self._processor.init_video_session(video=rgb, inference_device=self._device)
        numbers = list(range(1, len(regions) + 1))
        self._processor.add_inputs_to_inference_session(
            session, frame_idx=middle, obj_ids=numbers, input_masks=[region.astype(np.uint8) for region in regions]
        )
        self._network(inference_session=session, frame_idx=middle)
        ids = np.zeros(rgb.shape[:3], dtype=np.uint8)
        for backwards in (False, True):
            for found in self._network.propagate_in_video_iterator(session, start_frame_idx=middle, reverse=backwards):
                masks = self._processor.post_process_masks(
                    [found.pred_masks], original_sizes=[list(rgb.shape[1:3])], binarize=True
                )[0]
                for number, mask in zip(reversed(numbers), reversed(list(masks)), strict=True):
                    ids[found.frame_idx][mask[0].cpu().numpy()] = number
        return {"instance_ids": ids}


def _regions(mask: Bool[np.ndarray, "h w"]) -> list[Bool[np.ndarray, "h w"]]:
    """Return the largest connected regions, largest first."""
    _, names, boxes, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    order = 1 + np.argsort(-boxes[1:, cv2.CC_STAT_AREA], kind="stable")
    kept = [name for name in order if boxes[name, cv2.CC_STAT_AREA] >= _LEAST_SHARE * mask.size]
    return [names == name for name in kept[:_MOST_OBJECTS]]
