"""``Conditioning``: what a batch of samples is conditioned on, the same from the dataset to the sampler."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Float, Int64
from torch.nn import functional as F

from physics_data.core.errors import DataError
from worldsim.model.scene_tokens import SceneTokens

Tensors = Mapping[str, torch.Tensor]
"""Name to tensor, b first."""


@dataclass(frozen=True)
class Scalars:
    """Conditioning scalars of one name; t is 1 where they hold for the whole video.

    present:  False = unknown, or dropped for guidance; the value does not matter then
    """

    values: Float[torch.Tensor, "b t k"]
    present: Bool[torch.Tensor, "b t"]


NO_SCALARS: Mapping[str, Scalars] = {}


@dataclass(frozen=True)
class Conditioning:
    """What b samples are conditioned on. Every part but the frame rate may be unknown.

    text:        what the text encoder returns; that of the built-in transformer has ``ids`` (or features) and ``mask``
    frame_rate:  Hz
    domain:      0 = unknown, 1 = physics, 2 = real
    scene:       camera, light, gravity and bodies; None = the model takes none
    scalars:     gravity, friction, the camera's path and the like; what is not in it is unknown
    frames:      conditioning frames, as a model reads them: ``latents`` and ``known`` for the built-in transformer,
                 what ``encode_given`` returns for a public one. Empty = none
    num_clean:   latent frames at the start that stay clean, at t = 0. 0 without conditioning frames, and for families
                 that take them as further channels and denoise all latent frames
    """

    text: Tensors
    frame_rate: Float[torch.Tensor, "b"]
    domain: Int64[torch.Tensor, "b"]
    num_clean: Int64[torch.Tensor, "b"]
    scalars: Mapping[str, Scalars] = field(default_factory=dict)
    scene: SceneTokens | None = None
    frames: Tensors = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        text: Tensors,
        frame_rate: Float[torch.Tensor, "b"],
        domain: Int64[torch.Tensor, "b"] | None = None,
        num_clean: Int64[torch.Tensor, "b"] | None = None,
        scalars: Mapping[str, Scalars] = NO_SCALARS,
        scene: SceneTokens | None = None,
        frames: Tensors | None = None,
    ) -> "Conditioning":
        """Return a conditioning; a domain that is not given is unknown, and no frame is clean."""
        none = torch.zeros(len(frame_rate), dtype=torch.int64, device=frame_rate.device)
        return cls(
            text,
            frame_rate,
            none if domain is None else domain,
            none if num_clean is None else num_clean,
            scalars,
            scene,
            frames or {},
        )

    @classmethod
    def of_words(
        cls,
        ids: Int64[torch.Tensor, "b l"] | Float[torch.Tensor, "b l f"],
        mask: Bool[torch.Tensor, "b l"],
        domain: Int64[torch.Tensor, "b"],
        frame_rate: Float[torch.Tensor, "b"],
        scalars: Mapping[str, Scalars] = NO_SCALARS,
    ) -> "Conditioning":
        """Return what the built-in transformer reads.

        Args:
            ids: words, or the features of another encoder if the transformer has a ``text_width``
            mask: True = there is a word; a row that is all False is a dropped prompt
            domain: 0 = unknown, 1 = physics, 2 = real
            frame_rate: video frames per second, Hz
            scalars: what else is known
        """
        return cls.of({"ids": ids, "mask": mask}, frame_rate, domain, scalars=scalars)

    def __len__(self) -> int:
        return len(self.frame_rate)

    @property
    def text_ids(self) -> Int64[torch.Tensor, "b l"] | Float[torch.Tensor, "b l f"]:
        """Words or features of the built-in transformer."""
        return self.text["ids"]

    @property
    def text_mask(self) -> Bool[torch.Tensor, "b l"]:
        """Where there is a word."""
        return self.text["mask"]

    @classmethod
    def join(cls, each: "Sequence[Conditioning]") -> "Conditioning":
        """Put several batches together; scalars of shorter videos end in unknown ones."""

        def joined(parts: Sequence[Tensors]) -> dict[str, torch.Tensor]:
            return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

        return cls(
            joined([one.text for one in each]),
            torch.cat([one.frame_rate for one in each]),
            torch.cat([one.domain for one in each]),
            torch.cat([one.num_clean for one in each]),
            _join_scalars([one.scalars for one in each]),
            _join_scenes([one.scene for one in each]),
            joined([one.frames for one in each]),
        )

    def rows(self, index: torch.Tensor | slice) -> "Conditioning":
        """Return the conditioning of some of the samples, by number, by a mask or by a slice."""
        return self._map(lambda tensor: tensor[index])

    def to(self, device: torch.device) -> "Conditioning":
        """Return it on another device."""
        return self._map(lambda tensor: tensor.to(device))

    def repeat(self, times: int) -> "Conditioning":
        """Return the samples several times, one batch after the other."""
        return self._map(lambda tensor: tensor.repeat(times, *[1] * (tensor.ndim - 1)))

    def without_prompt(self) -> "Conditioning":
        """Return it with words and scene dropped, for guidance of the built-in transformer."""
        everywhere = torch.ones(len(self), dtype=torch.bool, device=self.frame_rate.device)
        scene = None if self.scene is None else self.scene.dropped(everywhere)
        return replace(self, text={**self.text, "mask": torch.zeros_like(self.text_mask)}, scene=scene)

    def clean(self, num_latent_frames: int) -> Bool[torch.Tensor, "b t"]:
        """Return which latent frames stay clean: the first ``num_clean``, or those that ``frames`` says are known."""
        if "known" in self.frames:
            return self.frames["known"]
        return torch.arange(num_latent_frames, device=self.num_clean.device) < self.num_clean[:, None]

    def place(self, noise: Float[torch.Tensor, "b c t h w"]) -> Float[torch.Tensor, "b c t h w"]:
        """Return noise with the clean latents of conditioning frames in their places."""
        if "latents" not in self.frames:
            return noise
        return torch.where(self.clean(noise.shape[2])[:, None, :, None, None], self.frames["latents"], noise)

    def _map(self, change: Callable[[torch.Tensor], torch.Tensor]) -> "Conditioning":
        def each(part: Tensors) -> dict[str, torch.Tensor]:
            return {name: change(one) for name, one in part.items()}

        return Conditioning(
            each(self.text),
            change(self.frame_rate),
            change(self.domain),
            change(self.num_clean),
            {name: Scalars(change(one.values), change(one.present)) for name, one in self.scalars.items()},
            None if self.scene is None else self.scene.map(change),
            each(self.frames),
        )


def _join_scenes(each: Sequence[SceneTokens | None]) -> SceneTokens | None:
    scenes = [one for one in each if one is not None]
    if not scenes:
        return None
    if len(scenes) < len(each):
        raise DataError("some samples have scene tokens and others none; give SceneTokens.unknown to these.")
    if len({one.states.shape[2] for one in scenes}) > 1:
        raise DataError("scene tokens of videos of different lengths cannot share a batch; leave data.packing out.")
    return SceneTokens(*(torch.cat(parts) for parts in zip(*(one.parts for one in scenes), strict=True)))


def _join_scalars(each: Sequence[Mapping[str, Scalars]]) -> dict[str, Scalars]:
    joined: dict[str, Scalars] = {}
    for name in each[0]:
        parts = [one[name] for one in each]
        longest = max(part.present.shape[1] for part in parts)
        values = [F.pad(part.values, (0, 0, 0, longest - part.values.shape[1])) for part in parts]
        present = [F.pad(part.present, (0, longest - part.present.shape[1])) for part in parts]
        joined[name] = Scalars(torch.cat(values), torch.cat(present))
    return joined
