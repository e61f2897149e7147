"""Generated videos as files: from a prompt, from the first frames of a video, and for every clip of a dataset."""

import dataclasses
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
import yaml
from jaxtyping import UInt8

from physics_data.core.atomic import remove_partials
from physics_data.core.clip import Clip
from physics_data.core.config import StrictModel
from physics_data.core.conventions import step_seed
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError, VideoError, suggest
from physics_data.core.provenance import write_provenance
from physics_data.core.video import iterate_frames, write_video
from physics_data.scenes.scene_file import load_scene
from physics_data.simulation import simulate
from worldsim.cards import with_present_names
from worldsim.data.collate import to_rgb, to_tensor
from worldsim.data.footage import media
from worldsim.data.footage.media import PICTURE_SUFFIXES, is_animation
from worldsim.data.footage.windows import crop, cut_windows, scale_to_cover
from worldsim.data.scene_encoding import scene_tokens
from worldsim.generator import find_family
from worldsim.model.conditioning import Conditioning, Scalars
from worldsim.model.scene_tokens import SceneTokens
from worldsim.sampling import SamplingConfig, generate, rollout
from worldsim.vae.blocks import Memory
from worldsim.weights import Generator, load_generator, model_folder, put_adapter


class SampleConfig(StrictModel):
    """How videos are drawn from a model. Sizes that are None are those it was trained on.

    scene:      scene file whose camera, light, gravity and bodies are known, for a model with ``model.scene_slots``
    simulated:  simulate the scene and say where its bodies are in all frames; else the first frame alone is known
    scalars:    conditioning scalars besides the prompt, for a model with ``model.scalars``; the rest is unknown
    """

    renamed_keys: ClassVar[Mapping[str, str]] = {"drawing": "sampling", "numbers": "scalars"}

    num_frames: int | None = None
    height: int | None = None
    width: int | None = None
    seed: int = 0
    sampling: SamplingConfig = SamplingConfig(guidance_scale=2.5)
    domain: int = 1
    scalars: dict[str, tuple[float, ...]] = {}
    scene: Path | None = None
    simulated: bool = False


@dataclass(frozen=True)
class Sampler:
    """A loaded model and how to draw from it."""

    model: Generator
    config: SampleConfig
    device: torch.device

    @classmethod
    def load(cls, model: Path, config: SampleConfig, adapter: Path | None = None) -> "Sampler":
        """Load a model folder, or the model of a run folder, and a low-rank adapter on it if one is given.

        Raises:
            CheckpointError: no model there, or a damaged one.
        """
        if find_family(model) is not None:
            from worldsim.family_sampler import FamilySampler  # imports diffusers

            return FamilySampler.load(model, config, adapter)
        loaded = load_generator(model_folder(model))
        if adapter is not None:
            put_adapter(loaded.dit, adapter)
            loaded.card["adapter"] = str(adapter)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        loaded.dit.to(device)
        loaded.vae.to(device)
        return cls(loaded, config, device)

    @property
    def geometry(self) -> tuple[int, int, int]:
        """Frames, height and width of the videos."""
        trained = self.model.card["clip"]
        given = self.config
        return (
            given.num_frames or trained["num_frames"],
            given.height or trained["height"],
            given.width or trained["width"],
        )

    @property
    def temporal_factor(self) -> int:
        """Video frames of a latent frame, for which a given picture rests."""
        return self.model.vae.config.temporal_factor

    @property
    def frame_rate(self) -> float:
        """Hz."""
        return float(self.model.card["clip"]["frame_rate"])

    def draw(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        domains: Sequence[int],
        first_frames: UInt8[np.ndarray, "b k h w 3"] | None = None,
        frames: Mapping[int, UInt8[np.ndarray, "h w 3"]] | None = None,
    ) -> UInt8[np.ndarray, "b t h w 3"]:
        """Generate one video for each prompt. A video depends on its own seed, not on those beside it.

        Args:
            prompts: what happens; "" leaves it to the model
            seeds: of the noise
            domains: 1 = physics, 2 = real
            first_frames: of each video
            frames: pictures that all videos show, by the number of the frame
        """
        pictures = {
            number: to_tensor(picture[None, None])[:, :, 0].expand(len(prompts), -1, -1, -1).to(self.device)
            for number, picture in (frames or {}).items()
        }
        num_frames, height, width = self.geometry
        video = generate(
            self.model.dit,
            self.model.vae,
            self.model.tokenizer,
            list(prompts),
            num_frames,
            height,
            width,
            self.frame_rate,
            generator=[torch.Generator(self.device).manual_seed(seed) for seed in seeds],
            sampling=self.config.sampling,
            first_frames=None if first_frames is None else to_tensor(first_frames).to(self.device),
            frames=pictures,
            domain=torch.tensor(domains, device=self.device),
            scalars=self.scalars(len(prompts)),
            scene=self.scene(len(prompts)),
        )
        return to_rgb(video)

    def scalars(self, count: int) -> dict[str, Scalars]:
        """Return the conditioning scalars of the config for so many videos.

        Raises:
            DataError: the model takes no such scalar, or another number of values.
        """
        sizes = {one.name: one.size for one in self.model.dit.config.scalars}
        found: dict[str, Scalars] = {}
        for name, values in self.config.scalars.items():
            if name not in sizes:
                known = suggest(name, sizes) if sizes else "it was trained without model.scalars."
                raise DataError(f"this model takes no scalar '{name}': {known}")
            if len(values) != sizes[name]:
                raise DataError(f"--scalar {name} has {len(values)} values, this model takes {sizes[name]}.")
            held = torch.tensor(values, dtype=torch.float32, device=self.device).expand(count, 1, -1)
            found[name] = Scalars(held, torch.ones(count, 1, dtype=torch.bool, device=self.device))
        return found

    def scene(self, count: int) -> SceneTokens | None:
        """Return the tokens of the scene of the config for so many videos; None without one.

        Raises:
            DataError: the model takes no scenes, or fewer bodies.
            ConfigError: the scene file does not fit.
        """
        file, model = self.config.scene, self.model.dit.config
        if file is None:
            return None
        if not model.scene_slots:
            raise DataError(f"this model takes no scenes, so {file} would be ignored; give one with model.scene_slots.")
        num_frames, height, width = self.geometry
        size = {"num_frames": num_frames, "height": height, "width": width, "frame_rate": self.frame_rate}
        spec = load_scene(file).spec.edited(**size)
        trajectory = simulate(spec).trajectory if self.config.simulated else None
        tokens = scene_tokens(spec, num_frames, model.temporal_factor, model.scene_slots, trajectory)
        return tokens.map(lambda one: one.expand(count, *one.shape[1:]).to(self.device))

    def stream(
        self,
        prompt: str,
        seed: int,
        first_frames: UInt8[np.ndarray, "k h w 3"] | None,
        *,
        window: int | None,
        chunk: int = 1,
    ) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        """Yield the frames of one video of any length, each as soon as it is made; see ``sampling.rollout``.

        Raises:
            DataError: the model is not causal, or the first frames fill the video.
        """
        dit, vae = self.model.dit, self.model.vae
        num_frames, height, width = self.geometry
        shape = vae.latent_shape(num_frames, height, width)
        start = torch.zeros(1, shape[0], 0, *shape[2:], device=self.device)
        if first_frames is not None:
            video = to_tensor(first_frames[None]).to(self.device)
            start = vae.normalise(vae.encode(video).mode())
        if start.shape[2] >= shape[1]:
            raise DataError(f"the first frames leave nothing to make in a video of {num_frames}; give fewer.")
        text_ids, text_mask = (part.to(self.device) for part in self.model.tokenizer.encode([prompt]))
        conditioning = Conditioning.of_words(
            text_ids,
            text_mask,
            torch.tensor([self.config.domain], device=self.device),
            torch.tensor([self.frame_rate], device=self.device),
            self.scalars(1),
        )
        conditioning = dataclasses.replace(conditioning, scene=self.scene(1))
        made = rollout(
            dit,
            conditioning,
            start,
            shape[1] - start.shape[2],
            generator=torch.Generator(self.device).manual_seed(seed),
            sampling=self.config.sampling,
            chunk=chunk,
            window=window,
        )
        memory = Memory()
        for latents in itertools.chain([start] if start.shape[2] else [], made):
            with torch.no_grad():
                piece = vae.decode(vae.denormalise(latents), memory)
            yield from to_rgb(piece)[0]


def read_first_frames(
    path: Path, num_conditioning_frames: int, height: int, width: int, frame_rate: float
) -> UInt8[np.ndarray, "k h w 3"]:
    """Read the first frames of any video at the size and rate of a model: centre part, nearest frames by time.

    Raises:
        VideoError: not a video, or too short.
        DataError: its picture is smaller than asked.
    """
    covering = (
        (0, dataclasses.replace(frame, rgb=scale_to_cover(frame.rgb, height, width))) for frame in iterate_frames(path)
    )
    window = next(cut_windows(covering, num_conditioning_frames, frame_rate), None)
    if window is None:
        raise VideoError(
            f"{path} is shorter than {num_conditioning_frames} frames at {frame_rate:g} Hz; "
            "use a smaller --num-conditioning-frames."
        )
    return crop(window.rgb, height, width, across=0.5, down=0.5)


def read_picture(path: Path, height: int, width: int) -> UInt8[np.ndarray, "h w 3"]:
    """Read a picture at a size: its centre part.

    Raises:
        VideoError: no picture, or a video of several frames.
        DataError: it is smaller than asked.
    """
    if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file() and not is_animation(path):
        rgb = media.read_picture(path)
    else:
        found = list(itertools.islice(iterate_frames(path), 2))
        if len(found) > 1:
            raise VideoError(f"{path} is a video; give one picture (png, jpg), or use --first-frames for a video.")
        rgb = found[0].rgb
    return crop(scale_to_cover(rgb, height, width)[None], height, width, across=0.5, down=0.5)[0]


def continue_dataset(
    sampler: Sampler,
    dataset: ShardDataset,
    positions: Sequence[int],
    out: Path,
    *,
    num_conditioning_frames: int,
    batch_size: int,
    on_video: Callable[[], None] = lambda: None,
) -> int:
    """Write ``out/KEY.mp4`` for each clip: its caption as prompt, its first frames given. Existing files are kept.

    Returns:
        How many were made now.

    Raises:
        DataError: a clip has another size or rate than the videos, or ``out`` holds videos made another way.
        StorageError: the disk refused; whole files stay.
    """
    out.mkdir(parents=True, exist_ok=True)
    remove_partials(out)
    check_same_system(out / "provenance.yaml", sampler, num_conditioning_frames)
    facts = {"num_given": num_conditioning_frames, "num_conditioning_frames": num_conditioning_frames}
    facts |= {"model": sampler.model.card, "reference": dataset.digest}
    write_provenance(out / "provenance.yaml", sampler.config, **facts)
    waiting = [position for position in positions if not (out / f"{dataset.rows[position].key}.mp4").is_file()]
    for _ in range(len(positions) - len(waiting)):
        on_video()
    for chunk in _chunks(waiting, batch_size):
        clips = [dataset.load(position) for position in chunk]
        given = (
            np.stack([_given(clip, num_conditioning_frames, sampler) for clip in clips])
            if num_conditioning_frames
            else None
        )
        seeds = [step_seed(sampler.config.seed, clip.meta.key, 0) for clip in clips]
        domains = [clip.meta.domain for clip in clips]
        videos = sampler.draw([clip.meta.caption for clip in clips], seeds, domains, given)
        for clip, video in zip(clips, videos, strict=True):
            write_video(out / f"{clip.meta.key}.mp4", video, sampler.frame_rate)
            on_video()
    return len(waiting)


def check_same_system(record: Path, sampler: Sampler, num_conditioning_frames: int) -> None:
    """Refuse to mix videos of two models, or drawn in two ways, in one folder."""
    if not record.is_file():
        return
    try:
        before = yaml.safe_load(record.read_text(encoding="utf-8"))
        present = dict(before.get("config", {}))
        if "drawing" in present:
            present |= with_present_names({"drawing": present.pop("drawing")}, source=str(record))
        stored = SampleConfig.model_validate(present)  # fills in settings that were added since
    except (yaml.YAMLError, ValueError, AttributeError) as error:
        raise DataError(
            f"{record} is damaged ({str(error).splitlines()[0]}), so nobody knows how the videos beside it were made; "
            "give another --out, or delete that folder to make them again."
        ) from error
    before["config"] = stored.model_dump(mode="json")
    config = sampler.config.model_dump(mode="json")
    now = {"config": config, "model": sampler.model.card, "num_given": num_conditioning_frames}
    differing = [name for name, value in now.items() if json.loads(json.dumps(value)) != before.get(name)]
    if differing:
        raise DataError(
            f"{record.parent} holds videos made with another {', '.join(differing)} (see {record.name} in it); "
            "give another --out, or delete that folder to make them again."
        )


def _given(clip: Clip, num_conditioning_frames: int, sampler: Sampler) -> np.ndarray:
    _, height, width = sampler.geometry
    if (clip.meta.height, clip.meta.width, clip.meta.frame_rate) != (height, width, sampler.frame_rate):
        raise DataError(
            f"clip '{clip.meta.key}' is {clip.meta.width}x{clip.meta.height} at {clip.meta.frame_rate:g} Hz, the model "
            f"makes {width}x{height} at {sampler.frame_rate:g} Hz; give a dataset of that size."
        )
    if num_conditioning_frames > clip.meta.num_frames:
        raise DataError(
            f"clip '{clip.meta.key}' has {clip.meta.num_frames} frames, --num-conditioning-frames asks for "
            f"{num_conditioning_frames} of them."
        )
    return clip.rgb[:num_conditioning_frames]


def _chunks(positions: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(positions), size):
        yield positions[start : start + size]
