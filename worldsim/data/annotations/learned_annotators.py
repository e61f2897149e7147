"""Annotators with learned weights, each a thin layer around a published model."""

import importlib
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch.nn import functional as F

from physics_data.core.errors import ConfigError
from worldsim.data.annotations.classical import NUM_POINTS, MovingPixels, agreeing

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


_DEPTH_WEIGHTS = "depth-anything/Depth-Anything-V2-Small-hf"


class DepthAnythingDepth:
    """Relative depth by Depth Anything V2; the network tells nearness, stored is its negative, which grows with depth.

    Source: Yang et al. (2024), Depth Anything V2.
    """

    labels: ClassVar[tuple[str, ...]] = ("relative_depth",)

    def __init__(self, weights: str | None = None) -> None:
        """Load a folder with model and processor, or a model of the hub."""
        transformers = need_package("depth_anything", "transformers", "transformers")
        self._weights = weights or _DEPTH_WEIGHTS
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


_MULTIPLE = 8
_MIN_SIDE = 128
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
        size = [max(_MIN_SIDE, -(-side // _MULTIPLE) * _MULTIPLE) for side in (height, width)]
        pair = torch.from_numpy(np.stack([before, after])).permute(0, 3, 1, 2).float().to(self._device) / 127.5 - 1
        pair = F.interpolate(pair, size=size, mode="bilinear", align_corners=False)
        flow = self._network(pair[:1], pair[1:])[-1]
        flow = F.interpolate(flow, size=(height, width), mode="bilinear", align_corners=False)[0]
        scale = torch.tensor([width / size[1], height / size[0]], device=flow.device)
        return (flow.permute(1, 2, 0) * scale).float().cpu().numpy()


_SAM2_WEIGHTS = "facebook/sam2.1-hiera-tiny"
_MAX_OBJECTS = 8
_MIN_AREA_FRACTION = 0.002
"""Regions that move and cover a smaller fraction of the picture are not followed."""


class Sam2Masks:
    """Instance ids by SAM 2, which follows the (at most 8) largest moving regions of the middle frame both ways.

    Source: Ravi et al. (2024), SAM 2: Segment anything in images and videos.
    """

    labels: ClassVar[tuple[str, ...]] = ("instance_ids",)

    def __init__(self, weights: str | None = None) -> None:
        """Load a folder with model and processor, or a model of the hub."""
        transformers = need_package("masks_sam2", "transformers", "transformers")
        self._weights = weights or _SAM2_WEIGHTS
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
        return {"method": f"{_MAX_OBJECTS} moving regions of the middle frame", "weights": self._weights}

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
    kept = [name for name in order if boxes[name, cv2.CC_STAT_AREA] >= _MIN_AREA_FRACTION * mask.size]
    return [names == name for name in kept[:_MAX_OBJECTS]]


Model = TypeVar("Model")


def need_package(annotator: str, module: str, install: str) -> Any:
    """Return an optional package.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(
            f"annotator '{annotator}' needs the package {module.partition('.')[0]}, which is not installed; run: "
            f"pip install {install}. The classical annotators flow, tracks and moving need nothing further."
        ) from error


def load_weights(annotator: str, given: str, load: Callable[[], Model]) -> Model:
    """Return a loaded model.

    Raises:
        ConfigError: its weights are not on disk and cannot be fetched, or are not its weights.
    """
    try:
        if given.startswith(("/", ".", "~")) and not Path(given).expanduser().exists():
            raise OSError("no such file or folder")
        return load()
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ConfigError(
            f"annotator '{annotator}' cannot load the weights {given}: {reason}. Where the hub cannot be reached, "
            "fetch them elsewhere and give their folder or file with --weights."
        ) from error


def device() -> torch.device:
    """Return the accelerator if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
