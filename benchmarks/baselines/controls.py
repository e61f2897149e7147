"""Control baselines made from the reference: rearranged, altered and redrawn frames; the writer of their videos."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
import yaml
from jaxtyping import UInt8
from scipy.ndimage import gaussian_filter

import physics_data
from eval.inputs import RECORD_NAME
from eval.scoring import reference_positions
from eval.store import code_fingerprint
from physics_data.core.atomic import atomic_folder, folder_lock
from physics_data.core.clip import Clip
from physics_data.core.config import fingerprint
from physics_data.core.conventions import clip_generator
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError
from physics_data.core.provenance import write_provenance
from physics_data.core.scene import SceneSpec
from physics_data.core.video import write_video
from physics_data.renderers.renderer import Renderer

_DATA = Path(str(physics_data.__file__)).parent
_DRAWN_BY = (Path(__file__).parent, _DATA / "engines", _DATA / "renderers")

NUM_CONDITIONING_FRAMES = 5
"""First frames that suites give to models and leave out of the scores; baselines are given as many."""


class Baseline(Protocol):
    """Makes a video from a reference clip without any model."""

    def make(self, clip: Clip, renderer: Renderer, num_conditioning_frames: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the video, as long and as large as the clip. Its first frames are replaced by the clip's."""
        ...


class Simulator:
    """The reference itself: the ceiling, short of 1 only by the tracker's error."""

    def make(self, clip: Clip, renderer: Renderer, num_conditioning_frames: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the clip's own frames."""
        return clip.rgb


class FrozenFirstFrame:
    """The first frame throughout: keeps every object, moves none."""

    def make(self, clip: Clip, renderer: Renderer, num_conditioning_frames: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the first frame, repeated."""
        return np.repeat(clip.rgb[:1], len(clip.rgb), axis=0)


class GivenThenFrozen:
    """The conditioning frames, then the last of them throughout."""

    def make(self, clip: Clip, renderer: Renderer, num_conditioning_frames: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the conditioning frames and repeat the last of them; the first frame where there are none."""
        return clip.rgb[np.minimum(np.arange(len(clip.rgb)), max(num_conditioning_frames - 1, 0))]


class Reversed:
    """The reference backwards."""

    def make(self, clip: Clip, renderer: Renderer, num_conditioning_frames: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the frames in reverse order."""
        return np.ascontiguousarray(clip.rgb[::-1])


BLUR_SHARE = 0.1
"""Standard deviation of the blur, as a share of the picture's height: objects run into what is behind them."""

PAN_SPEED = 0.25
"""Speed of the camera pan, picture widths per second."""


class FrozenLastFrame:
    """The last frame throughout: where things end, without the way there."""

    def make(self, clip: Clip, renderer: Renderer, num_conditioning_frames: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the last frame, repeated."""
        return np.repeat(clip.rgb[-1:], len(clip.rgb), axis=0)


class CrossFade:
    """The first frame fades into the last one: nothing moves, everything changes."""

    def make(self, clip: Clip, renderer: Renderer, num_conditioning_frames: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the mixtures of the first and the last frame."""
        share = np.linspace(0.0, 1.0, len(clip.rgb))[:, None, None, None]
        return _rounded((1.0 - share) * clip.rgb[0] + share * clip.rgb[-1])


class MeanVideo:
    """The mean of all frames throughout: what minimises the squared error of a still picture."""

    def make(self, clip: Clip, renderer: Renderer, num_conditioning_frames: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the mean frame, repeated."""
        return np.repeat(_rounded(clip.rgb.mean(0, keepdims=True)), len(clip.rgb), axis=0)


class BlurredTruth:
    """The reference out of focus: everything moves rightly and nothing can be recognised."""

    def make(self, clip: Clip, renderer: Renderer, num_conditioning_frames: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Return every frame blurred by a tenth of its height."""
        sigma = BLUR_SHARE * clip.rgb.shape[1]
        return _rounded(gaussian_filter(clip.rgb.astype(np.float32), sigma=(0, sigma, sigma, 0), mode="nearest"))


class CameraPan:
    """The first frame under a moving camera: much motion, none of it an object's."""

    def make(self, clip: Clip, renderer: Renderer, num_conditioning_frames: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the first frame, shifted to the left by whole pixels; it is mirrored where it ends."""
        first, width = clip.rgb[0], clip.rgb.shape[2]
        wide = np.concatenate([first, first[:, ::-1]], axis=1)
        shifts = np.round(PAN_SPEED * width * np.arange(len(clip.rgb)) / clip.meta.frame_rate).astype(int)
        return np.stack([np.roll(wide, -shift, axis=1)[:, :width] for shift in shifts])


class Noise:
    """Independent random pixels."""

    def make(self, clip: Clip, renderer: Renderer, num_conditioning_frames: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Return uniform noise, seeded by the clip's key."""
        rng = clip_generator(0, f"noise/{clip.meta.key}", 0)
        return rng.integers(0, 256, clip.rgb.shape, dtype=np.uint8)


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.rint(values).clip(0, 255).astype(np.uint8)


class ObjectRemoved:
    """The reference until the middle of the scored frames; then its first moving object is gone, shadow and all."""

    def make(self, clip: Clip, renderer: Renderer, num_conditioning_frames: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the clip with the object removed in the second half of the scored frames.

        Raises:
            DataError: nothing in the scene moves.
        """
        spec, _, trajectory = clip.labelled
        name = _moving(spec, clip.meta.key)[0]
        empty = renderer.render(spec.without(name), trajectory.without(spec.body_index(name))).rgb
        half = (num_conditioning_frames + len(clip.rgb) + 1) // 2
        return np.concatenate([clip.rgb[:half], empty[half:]])


class ConstantVelocity:
    """Every object goes on in a straight line with the velocity of the last conditioning frame: no forces."""

    def make(self, clip: Clip, renderer: Renderer, num_conditioning_frames: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the scene drawn with straight motions."""
        spec, _, trajectory = clip.labelled
        last = max(num_conditioning_frames - 1, 0)
        seconds = (np.array(spec.seconds) - spec.seconds[last])[:, None, None]
        straight = trajectory.position[last] + seconds * trajectory.linear_velocity[last]
        return renderer.render(spec, replace(trajectory, position=straight)).rgb


def _moving(spec: SceneSpec, key: str) -> list[str]:
    """Return what can move, objects before others."""
    movable = [body for body in spec.instances if not body.is_static]
    names = [body.name for body in sorted(movable, key=lambda body: body.role != "object")]
    if not names:
        raise DataError(f"clip '{key}' has no moving object that could be removed.")
    return names


def write_baselines(
    dataset: ShardDataset,
    out: Path,
    split: str = "test",
    limit: int | None = None,
    names: Sequence[str] | None = None,
    renderer: Renderer | None = None,
    num_conditioning_frames: int = NUM_CONDITIONING_FRAMES,
) -> int:
    """Write ``out/<baseline>/<key>.mp4`` for the physics clips of a split; return the number of videos.

    Every video begins with the ``num_conditioning_frames`` first frames of its clip. A record beside the videos says
    how many they are, of which dataset and clips, and by which code: a folder with the same record is kept as it is.

    limit takes the first clips in the dataset's order; names chooses baselines (default: all); renderer draws the
    altered scenes (default: the ray caster that drew the dataset).

    Raises:
        DataError: the split has no physics clip.
        UnknownNameError: no such baseline.
        StorageError: another process writes into ``out``, or the disk refused; finished baselines stay.
    """
    from benchmarks.baselines import BASELINES, CEILINGS
    from physics_data.renderers import RENDERERS

    chosen = {name: BASELINES.get(name)() for name in (names or BASELINES)}
    positions = reference_positions(dataset, split)[:limit]
    drawer = renderer or RENDERERS.get("raycast")()
    keys = [dataset.rows[position].key for position in positions]
    facts: dict[str, object] = {"reference": dataset.digest, "num_conditioning_frames": num_conditioning_frames}
    facts |= {
        "clips": fingerprint({"keys": keys}),
        "drawn_by": f"{type(drawer).__name__}-{code_fingerprint(*_DRAWN_BY)}",
    }
    with folder_lock(Path(out)):
        for name, baseline in chosen.items():
            target = Path(out) / name
            kind = "ceiling" if name in CEILINGS else "control"
            own = {"baseline": name, "kind": kind, **facts}
            if _is_finished(target, own, keys):
                continue
            with atomic_folder(target) as folder:
                for position in positions:
                    clip = dataset.load(position)
                    video = baseline.make(clip, drawer, num_conditioning_frames).copy()
                    video[:num_conditioning_frames] = clip.rgb[:num_conditioning_frames]
                    write_video(folder / f"{clip.meta.key}.mp4", video, clip.meta.frame_rate)
                write_provenance(folder / RECORD_NAME, None, **own)
    return len(chosen) * len(positions)


def _is_finished(folder: Path, facts: Mapping[str, object], keys: Sequence[str]) -> bool:
    """Return whether a folder holds a baseline's videos of these very clips."""
    try:
        record = yaml.safe_load((folder / RECORD_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return False
    same = isinstance(record, dict) and all(record.get(name) == value for name, value in facts.items())
    return same and all((folder / f"{key}.mp4").is_file() for key in keys)
