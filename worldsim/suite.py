"""Videos for an exported benchmark suite: every scene continued from its given frames, in several seeds."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import UInt8
from pydantic import ConfigDict, Field, ValidationError

from physics_data.core.atomic import remove_partials
from physics_data.core.config import StrictModel
from physics_data.core.conventions import step_seed
from physics_data.core.errors import DataError
from physics_data.core.provenance import write_provenance
from physics_data.core.video import write_video
from worldsim.prompt import PromptError
from worldsim.videos import Sampler, check_same_system, read_first_frames

MANIFEST_NAME = "manifest.json"
_SIMULATED = 1  # the domain that is told; a suite's scenes are simulated


class SuiteScene(StrictModel):
    """What a suite asks for in one scene; further fields of its manifest are of no use here.

    Units:
        given_video:   path from the suite's folder
        frame_rate:    Hz
        num_frames:    of the wanted video, the given ones included
        width, height: of the suite's own videos, pixels; a video of the same shape is as good
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=150)]
    prompt: Annotated[str, Field(max_length=10_000)]
    given_video: Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9_.-]*/)*[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    given_frames: Annotated[int, Field(ge=1, le=10_000)]
    frame_rate: Annotated[float, Field(ge=0.1, le=1_000, allow_inf_nan=False)]
    num_frames: Annotated[int, Field(ge=1, le=10_000)]
    width: Annotated[int, Field(ge=1, le=8_192)]
    height: Annotated[int, Field(ge=1, le=8_192)]


class _Manifest(StrictModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    format: Literal["worldsim.suite/1"]
    fingerprint: str
    num_conditioning_frames: int | None = None
    seeds: Annotated[tuple[Annotated[int, Field(ge=0, lt=2**31)], ...], Field(max_length=1_000)]
    scenes: Annotated[tuple[SuiteScene, ...], Field(min_length=1, max_length=100_000)]


@dataclass(frozen=True)
class ExportedSuite:
    """An exported suite. seeds: generation seeds that it asks a random model for."""

    folder: Path
    fingerprint: str
    seeds: tuple[int, ...]
    scenes: tuple[SuiteScene, ...]


def read_suite(folder: Path) -> ExportedSuite:
    """Read what ``python -m benchmarks export SUITE --out FOLDER`` wrote.

    Raises:
        DataError: no such folder, no manifest in it, or one of another kind.
    """
    path = Path(folder) / MANIFEST_NAME
    if not path.is_file():
        raise DataError(f"no {path}; write a suite with 'python -m benchmarks export permanence --out {folder}'.")
    try:
        read = _Manifest.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, OSError, ValueError) as error:
        raise DataError(
            f"{path} lists no scenes to be continued ({_first_line(error)}); give the folder of a suite with first "
            "frames, 'permanence' or 'motion', or export it again."
        ) from error
    twice = [key for key, count in Counter(scene.key for scene in read.scenes).items() if count > 1]
    if twice:
        raise DataError(f"{path} has two scenes '{twice[0]}'; export the suite again.")
    number = read.num_conditioning_frames
    for scene in read.scenes:
        if number not in (None, scene.given_frames):
            raise DataError(
                f"{path}: num_conditioning_frames is {number}, but given_frames of '{scene.key}' is "
                f"{scene.given_frames}; export the suite again."
            )
        if scene.given_frames > scene.num_frames:
            raise DataError(
                f"{path}: '{scene.key}' gives {scene.given_frames} of {scene.num_frames} frames; export it again."
            )
        if not (Path(folder) / scene.given_video).resolve().is_relative_to(Path(folder).resolve()):
            raise DataError(f"{path}: the given video of '{scene.key}' lies outside {folder}; export the suite again.")
    return ExportedSuite(Path(folder), read.fingerprint, read.seeds, read.scenes)


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        found = error.errors()[0]
        return f"{'.'.join(map(str, found['loc'])) or 'file'}: {found['msg']}"
    return str(error)


def continue_suite(
    sampler: Sampler,
    suite: ExportedSuite,
    out: Path,
    *,
    num_conditioning_frames: int,
    num_seeds: int,
    batch_size: int,
    on_video: Callable[[], None] = lambda: None,
) -> int:
    """Write ``out/seedN/KEY.mp4`` for each scene and seed N, counted from the sampler's own. Existing files are kept.

    Videos keep the size and rate of the model. One that is asked for longer than the model's clips is made in
    stretches, each of which begins with the last ``num_conditioning_frames`` frames of the one before. A prompt that is
    longer than the model reads is told as far as it reads (``shortened``); the provenance lists those.

    Returns:
        How many were made now.

    Raises:
        DataError: a scene has another shape or fewer given frames, or ``out`` holds videos made another way.
        VideoError: a given video is missing or damaged.
        StorageError: the disk refused; whole files stay.
    """
    _check(sampler, suite, num_conditioning_frames)
    out.mkdir(parents=True, exist_ok=True)
    remove_partials(out)
    record = out / "provenance.yaml"
    check_same_system(record, sampler, num_conditioning_frames)
    card: dict[str, Any] = sampler.model.card
    told = shortened(sampler, suite)
    # In frames of the suite, which may have another rate than the model.
    seconds = (num_conditioning_frames - 1) / sampler.frame_rate
    number = max(1 + int(np.ceil(seconds * scene.frame_rate - 1e-6)) for scene in suite.scenes)
    facts = {"suite": suite.fingerprint, "num_conditioning_frames": number, "shortened_prompts": told}
    write_provenance(record, sampler.config, model=card, num_given=num_conditioning_frames, **facts)
    jobs = [
        (scene, seed) for seed in range(sampler.config.seed, sampler.config.seed + num_seeds) for scene in suite.scenes
    ]
    waiting = [(scene, seed) for scene, seed in jobs if not _file(out, scene, seed).is_file()]
    for _ in range(len(jobs) - len(waiting)):
        on_video()
    for start in range(0, len(waiting), batch_size):
        chunk = waiting[start : start + batch_size]
        videos = _continued(sampler, suite, chunk, told, num_conditioning_frames)
        for (scene, seed), video in zip(chunk, videos, strict=True):
            file = _file(out, scene, seed)
            file.parent.mkdir(exist_ok=True)
            write_video(file, video, sampler.frame_rate)
            on_video()
    return len(waiting)


def shortened(sampler: Sampler, suite: ExportedSuite) -> dict[str, str]:
    """Return scene → the first words of its prompt, for prompts that are longer than the model reads."""
    found = {}
    for scene in suite.scenes:
        words = scene.prompt.split()
        while words:
            try:
                sampler.model.tokenizer.encode([" ".join(words)])
            except PromptError:
                words.pop()
                continue
            break
        if " ".join(words) != " ".join(scene.prompt.split()):
            found[scene.key] = " ".join(words)
    return found


def _file(out: Path, scene: SuiteScene, seed: int) -> Path:
    return out / f"seed{seed}" / f"{scene.key}.mp4"


def _check(sampler: Sampler, suite: ExportedSuite, num_conditioning_frames: int) -> None:
    num_frames, height, width = sampler.geometry
    if not 0 < num_conditioning_frames < num_frames:
        raise DataError(
            f"{num_conditioning_frames} given frames leave nothing to make in clips of {num_frames}, or "
            f"nothing to continue; give --num-conditioning-frames between 1 and {num_frames - 1}."
        )
    for scene in suite.scenes:
        if num_conditioning_frames > scene.given_frames * sampler.frame_rate / scene.frame_rate + 1e-6:
            raise DataError(
                f"scene '{scene.key}' gives {scene.given_frames} frames at {scene.frame_rate:g} Hz, "
                f"{num_conditioning_frames} at {sampler.frame_rate:g} Hz are asked for; "
                "use a smaller --num-conditioning-frames."
            )
        if scene.width * height != scene.height * width:
            raise DataError(
                f"scene '{scene.key}' is {scene.width}x{scene.height}, the model makes {width}x{height}; give --height "
                "and --width of the same shape, since a suite refuses others."
            )


def _continued(
    sampler: Sampler,
    suite: ExportedSuite,
    jobs: Sequence[tuple[SuiteScene, int]],
    told: Mapping[str, str],
    num_conditioning_frames: int,
) -> list[UInt8[np.ndarray, "t h w 3"]]:
    """Draw the videos of one batch, stretch after stretch, to the length of the longest; return each at its own."""
    _, height, width = sampler.geometry
    rate = sampler.frame_rate
    wanted = [1 + int(np.ceil((scene.num_frames - 1) / scene.frame_rate * rate - 1e-6)) for scene, _ in jobs]
    given = [
        read_first_frames(suite.folder / s.given_video, num_conditioning_frames, height, width, rate) for s, _ in jobs
    ]
    made = np.stack(given)
    prompts, stretch = [told.get(scene.key, scene.prompt) for scene, _ in jobs], 0
    while made.shape[1] < max(wanted):
        seeds = [step_seed(seed, scene.key, stretch) for scene, seed in jobs]
        more = sampler.draw(prompts, seeds, [_SIMULATED] * len(jobs), made[:, -num_conditioning_frames:])
        made = more if stretch == 0 else np.concatenate([made, more[:, num_conditioning_frames:]], axis=1)
        stretch += 1
    return [video[:count] for video, count in zip(made, wanted, strict=True)]
