"""Config of training a public model, and its cache of encoded clips and captions."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from physics_data.core.atomic import atomic_path
from physics_data.core.config import StrictModel
from physics_data.core.provenance import sha256_of
from worldsim.config import Count, Share, TrainConfig, ValidationConfig
from worldsim.data.buckets import Bucket
from worldsim.data.collate import to_tensor
from worldsim.data.latent_labels import ClipLabels, latent_labels
from worldsim.data.sources import PixelClip
from worldsim.diffusion import TimeSampling
from worldsim.families.adapters import AdapterSettings
from worldsim.families.diffusers_generator import DiffusersGenerator
from worldsim.losses.auxiliary.auxiliary_loss import AuxiliaryTerms
from worldsim.probes.probes import ProbesConfig


class FamilyObjective(StrictModel):
    """How samples of a public model are noised, what is given and hidden, and what counts.

    time:                        distribution of t; None = uniform, shifted towards noise as the family's scheduler is
    image_to_video_probability:  share of samples whose first latent frames are given, for families that keep given
                                 frames clean; image-to-video models with further channels are always given the first
    min_conditioning_latents:    smallest number of given latent frames
    max_conditioning_latents:    largest number of them; one is left to predict at least
    condition_dropout:           share of samples without prompt, for guidance
    foreground_weight:           by how much more a latent position counts that is all object, seen or hidden, than one
                                 that is none; the mean weight of a clip stays 1, clips without masks count as before
    contact_weight:              by how much more a latent frame counts in which, or beside which, a touch begins
    auxiliary:                   losses on the predicted clean latents, by name (identity, permanence, attributes,
                                 physical_plausibility); their probes learn to read the family's latents meanwhile
    """

    time: TimeSampling | None = None
    image_to_video_probability: Share = 0.5
    min_conditioning_latents: Count = 1
    max_conditioning_latents: Count = 1
    condition_dropout: Share = 0.1
    foreground_weight: Annotated[float, Field(ge=0)] = 0.0
    contact_weight: Annotated[float, Field(ge=0)] = 0.0
    auxiliary: AuxiliaryTerms = {}

    @property
    def label_groups(self) -> tuple[str, ...]:
        """The groups of latent labels that are read."""
        foreground = ("masks", "amodal") if self.foreground_weight else ()
        return (*foreground, *(("states",) if self.contact_weight else ()))

    @model_validator(mode="after")
    def _some_are_given(self) -> "FamilyObjective":
        if self.min_conditioning_latents > self.max_conditioning_latents:
            raise ValueError(
                f"min_conditioning_latents {self.min_conditioning_latents} is more than max_conditioning_latents "
                f"{self.max_conditioning_latents}"
            )
        return self


class FamilySamples(StrictModel):
    """The videos that a run samples to show where it stands; each time the VAE is loaded for them.

    prompts:         what happens in them
    num_steps:       of the family's scheduler
    guidance_scale:  None = that of the family's pipeline
    """

    prompts: Annotated[tuple[str, ...], Field(min_length=1)]
    num_steps: Count = 20
    guidance_scale: float | None = None


class FamilyTrainConfig(TrainConfig):
    """Training of a public video model: a low-rank adapter, or all weights.

    task:      ``family``
    loss:      weights of the denoising loss and of auxiliary losses
    validation:  held-out loss during training; None = none
    base:      diffusers folder of the model
    adapter:   the adapter; None trains all weights of the networks
    weights:   precision of the frozen base; adapters and fully trained weights are kept in fp32
    buckets:   sizes and lengths of batches, in place of data.num_frames, height and width; clips are shrunk and cropped
               to them (see ``worldsim.data.buckets``). Samples have the size of the first one that is no still
    samples:   None = no videos are sampled during training
    probes:    of the auxiliary losses
    """

    task: Literal["family"]
    base: Path
    adapter: AdapterSettings | None = AdapterSettings()
    weights: Literal["fp32", "bf16"] = "fp32"
    loss: FamilyObjective = FamilyObjective()
    validation: ValidationConfig = ValidationConfig()
    buckets: tuple[Bucket, ...] = ()
    samples: FamilySamples | None = None
    probes: ProbesConfig = ProbesConfig()

    @model_validator(mode="after")
    def _parts_fit(self) -> "FamilyTrainConfig":
        data, hardware = self.data, self.hardware
        if data.packing is not None or data.crop is not None or not data.augment.is_off:
            raise ValueError("task family encodes whole clips once; leave data.packing, data.crop and data.augment out")
        if any(source.on_the_fly for source in data.sources):
            raise ValueError("task family encodes clips once; build the dataset first (python -m physics_data build)")
        if hardware.compile:
            raise ValueError("task family does not compile; leave hardware.compile off")
        if self.buckets:
            given = sorted({"num_frames", "height", "width"} & data.model_fields_set)
            if given:
                raise ValueError(f"buckets say the size of clips; leave data.{', data.'.join(given)} out")
            if len(set(self.buckets)) < len(self.buckets):
                raise ValueError("two buckets are equal; leave one of them out")
            if any(not isinstance(source.weight, float) for source in data.sources):
                raise ValueError("with buckets the weight of a source is one number; leave its steps out")
        if self.adapter is None and self.weights != "fp32":
            raise ValueError(
                "all weights are trained in fp32 (hardware.precision: bf16 computes in bf16); weights: fp32"
            )
        return self

    @property
    def clip(self) -> Bucket:
        """Size and length of what is sampled; of every clip where there are no buckets."""
        if not self.buckets:
            return Bucket(width=self.data.width, height=self.data.height, num_frames=self.data.num_frames)
        return next((one for one in self.buckets if one.num_frames > 1), self.buckets[0])


Tensors = dict[str, torch.Tensor]

_ON_GRID = ("seen_share", "covered_share")
"""Labels with an axis of latent frames."""


@dataclass(frozen=True)
class TensorCache:
    """Named tensors by key, in a folder of files; each appears whole or not at all, so an interrupted run goes on."""

    folder: Path

    def has(self, key: str) -> bool:
        """Return whether something is stored for a key."""
        return self._path(key).is_file()

    def put(self, key: str, tensors: Mapping[str, torch.Tensor]) -> None:
        """Store tensors for a key."""
        with atomic_path(self._path(key)) as partial:
            save_file({name: one.detach().cpu().contiguous() for name, one in tensors.items()}, str(partial))

    def get(self, key: str, make: Callable[[], Mapping[str, torch.Tensor]] | None = None) -> Tensors:
        """Return what is stored for a key; a damaged file is made again by ``make``."""
        try:
            return load_file(str(self._path(key)))
        except (SafetensorError, OSError):
            if make is None:
                raise
            self.put(key, make())
            return load_file(str(self._path(key)))

    def _path(self, key: str) -> Path:
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.safetensors"


def parts_digest(generator: DiffusersGenerator, *names: str) -> str:
    """Return 16 hex digits that two folders share exactly when these components are equal, byte for byte."""
    digests = [
        [path.relative_to(generator.folder.path).as_posix(), sha256_of(path)]
        for name in names
        if (generator.folder.path / name).is_dir()
        for path in sorted((generator.folder.path / name).rglob("*"))
        if path.is_file()
    ]
    return hashlib.sha256(json.dumps(digests).encode()).hexdigest()[:16]


@torch.no_grad()
def encoded_clip(generator: DiffusersGenerator, clip: PixelClip, groups: tuple[str, ...]) -> Tensors:
    """Return the latents of a clip, what the network reads of its first frame, and its labels on the latent grid.

    Names: "latents", "image.NAME", "label.NAME", without b.
    """
    video = to_tensor(clip.rgb[None]).to(generator.device)
    found = {"latents": generator.encode(video)[0]}
    if generator.max_given and not generator.keeps_clean:
        image, _ = generator.encode_given(video[:, :, :1], video.shape[2])
        found |= {f"image.{name}": one[0] for name, one in image.items()}
    for name, array in labels_on_grid(generator, clip, groups).items():
        found[f"label.{name}"] = torch.from_numpy(np.ascontiguousarray(array))
    return found


def labels_on_grid(generator: DiffusersGenerator, clip: PixelClip, groups: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return the labels of a clip on the family's latent grid; latent frames that are added in front are copies."""
    if not groups:
        return {}
    found = latent_labels(clip, generator.temporal_stride, generator.spatial_stride, groups)
    added = generator.added_frames
    return {
        name: np.concatenate([np.repeat(one[:, :1], added, 1), one], 1) if added and name in _ON_GRID else one
        for name, one in found.items()
    }


def without_added(labels: ClipLabels, added: int) -> ClipLabels:
    """Return the labels without the latent frames that ``labels_on_grid`` adds in front."""
    return {name: one[:, added:] if name in _ON_GRID else one for name, one in labels.items()}


def labels_of(stored: Tensors) -> ClipLabels:
    """Return the labels among the tensors of a clip."""
    return {name.removeprefix("label."): one.numpy() for name, one in stored.items() if name.startswith("label.")}


def image_of(stored: Tensors) -> Tensors:
    """Return what the network reads of given frames among the tensors of a clip."""
    return {name.removeprefix("image."): one for name, one in stored.items() if name.startswith("image.")}


def contact_frames(labels: ClipLabels, stride: int, num_latent_frames: int, added: int) -> Any:
    """Return True for latent frames in which a touch begins, and those beside them; None if contacts are not known."""
    if "touching" not in labels:
        return None
    touching = np.asarray(labels["touching"], dtype=bool)
    begins = (touching[:, 1:] & ~touching[:, :-1]).any(0)
    frames = np.zeros(num_latent_frames, dtype=bool)
    for frame in np.flatnonzero(begins) + 1:
        at = added + -(-int(frame) // stride)
        frames[max(0, at - 1) : at + 2] = True
    return torch.from_numpy(frames)
