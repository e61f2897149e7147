"""Our calls of a family's network against those of its own diffusers pipeline, on tiny random folders."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from tests.worldsim.families.tiny_pipelines import D
from worldsim.generator import Conditions, Sampling

PROMPT = "a red ball falls"


@dataclass(frozen=True)
class Case:
    """A pipeline to compare with. pipeline: class, if another than that of the folder; image: give a first frame."""

    folder: str
    size: tuple[int, int, int]
    image: bool = False
    pipeline: str | None = None
    options: tuple[tuple[str, Any], ...] = ()


CASES = {
    "wan21_t2v": Case("wan21_t2v", (9, 32, 48)),
    "wan21_i2v": Case("wan21_i2v", (9, 32, 48), image=True),
    "wan22_ti2v": Case("wan22_ti2v", (9, 32, 64)),
    "wan22_ti2v_image": Case("wan22_ti2v", (9, 32, 64), image=True, pipeline="WanImageToVideoPipeline"),
    "wan22_a14b": Case("wan22_a14b", (9, 32, 48)),
}


def picture(height: int, width: int) -> torch.Tensor:
    """A first frame in [-1, 1] whose values are those of bytes."""
    levels = torch.randint(0, 256, (1, 3, height, width), generator=torch.Generator().manual_seed(3))
    return 2 * (levels.float() / 255) - 1


def own_pipeline(folder: Path, case: Case) -> Any:
    """The diffusers pipeline of a folder, or another class over its components."""
    pipeline = D.DiffusionPipeline.from_pretrained(folder, local_files_only=True)
    if case.pipeline is not None:
        made = getattr(D, case.pipeline)
        names = {"image_encoder": None, "image_processor": None} if "Wan" in case.pipeline else {}
        settings = {"expand_timesteps": True} if "Wan" in case.pipeline else {}
        pipeline = made(**(names | {k: v for k, v in pipeline.components.items() if v is not None} | settings))
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def to_pil(image: torch.Tensor) -> Image.Image:
    levels = ((image[0] + 1) * 127.5).round().to(torch.uint8)
    return Image.fromarray(levels.permute(1, 2, 0).numpy())


@dataclass
class Recorded:
    """What a pipeline did: arguments and results of its network's calls, and the latents after each step."""

    calls: list[dict[str, Any]]
    results: list[torch.Tensor]


def run_pipeline(pipeline: Any, case: Case, steps: int, guidance: float) -> tuple[Recorded, torch.Tensor]:
    recorded = Recorded([], [])
    networks = [one for one in (pipeline.transformer, getattr(pipeline, "transformer_2", None)) if one is not None]

    def record(_module: Any, _positional: Any, named: dict[str, Any], out: Any) -> None:
        recorded.calls.append(dict(named))
        recorded.results.append(out[0])

    handles = [network.register_forward_hook(record, with_kwargs=True) for network in networks]
    frames, height, width = case.size
    options: dict[str, Any] = {"guidance_scale": guidance, **dict(case.options)}
    if case.image:
        options["image"] = to_pil(picture(height, width))
    out = pipeline(
        prompt=PROMPT,
        height=height,
        width=width,
        num_frames=frames,
        num_inference_steps=steps,
        generator=torch.Generator().manual_seed(5),
        output_type="np",
        **options,
    )
    for handle in handles:
        handle.remove()
    return recorded, torch.from_numpy(out.frames)


def own_conditions(generator: Any, case: Case) -> Conditions:
    frames, height, width = case.size
    first = picture(height, width)[:, :, None] if case.image else None
    return generator.conditions([PROMPT], frames, first_frames=first)


@pytest.mark.parametrize("name", CASES)
def test_first_training_forward_is_the_pipelines_first_call(
    name: str, pipeline_folder: Callable[[str], Path], opened: Callable[[str], Any]
) -> None:
    case = CASES[name]
    generator = opened(case.folder)
    pipeline = own_pipeline(pipeline_folder(case.folder), case)
    recorded, _ = run_pipeline(pipeline, case, 3, 1.0)
    conditions = own_conditions(generator, case)
    noise = torch.randn((1, *generator.latent_shape(*case.size)), generator=torch.Generator().manual_seed(5))
    scheduler = generator.part("scheduler")
    timestep = generator.timesteps(scheduler, 3, noise.shape)[0]
    t = torch.tensor([generator.time_of(timestep)], dtype=torch.float64)
    calls: list[dict[str, Any]] = []
    handle = generator.network.register_forward_hook(
        lambda _, __, kwargs, out: calls.append(dict(kwargs)), with_kwargs=True
    )
    ours = generator.denoise(noise, t, conditions)
    handle.remove()
    for key, value in recorded.calls[0].items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(calls[0][key].to(value), value), key
    theirs = (
        generator.unpacked(recorded.results[0], noise.shape)
        if hasattr(generator, "unpacked")
        else (recorded.results[0])
    )
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("guidance", [1.0, 4.0])
@pytest.mark.parametrize("name", CASES)
def test_sampling_is_the_pipelines(
    name: str, guidance: float, pipeline_folder: Callable[[str], Path], opened: Callable[[str], Any]
) -> None:
    case = CASES[name]
    generator = opened(case.folder)
    _, theirs = run_pipeline(own_pipeline(pipeline_folder(case.folder), case), case, 3, guidance)
    frames, height, width = case.size
    ours = generator.sample(
        [PROMPT],
        frames,
        height,
        width,
        generator=torch.Generator().manual_seed(5),
        first_frames=picture(height, width)[:, :, None] if case.image else None,
        sampling=Sampling(num_steps=3, guidance_scale=guidance),
    )
    assert torch.allclose((ours / 2 + 0.5).permute(0, 2, 3, 4, 1), theirs, atol=2e-5)
