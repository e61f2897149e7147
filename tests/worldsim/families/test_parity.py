"""Our calls of a family's network against those of its own diffusers pipeline, on tiny random folders."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from PIL import Image

from tests.worldsim.families.tiny_pipelines import D, Guardrail
from worldsim.generator import Sampling
from worldsim.model.conditioning import Conditioning

PROMPT = "a red ball falls"


@dataclass(frozen=True)
class Case:
    """A pipeline to compare with.

    image: give a first frame; last: and a last one; video: give five frames; pipeline: class, if another than that of
    the folder; decodes: False compares latents
    """

    folder: str
    size: tuple[int, int, int]
    image: bool = False
    pipeline: str | None = None
    options: tuple[tuple[str, Any], ...] = ()
    decodes: bool = True
    last: bool = False
    video: bool = False


CASES = {
    "wan21_t2v": Case("wan21_t2v", (9, 32, 48)),
    "wan21_i2v": Case("wan21_i2v", (9, 32, 48), image=True),
    "wan22_ti2v": Case("wan22_ti2v", (9, 32, 64)),
    "wan22_ti2v_image": Case("wan22_ti2v", (9, 32, 64), image=True, pipeline="WanImageToVideoPipeline"),
    "wan22_a14b": Case("wan22_a14b", (9, 32, 48)),
    "wan22_i2v_a14b": Case("wan22_i2v_a14b", (9, 32, 48), image=True),
    "wan22_i2v_a14b_last": Case("wan22_i2v_a14b", (9, 32, 48), image=True, last=True),
    "ltx": Case("ltx", (9, 64, 96), options=(("frame_rate", 25),)),
    "ltx_image": Case(
        "ltx", (17, 64, 96), image=True, pipeline="LTXImageToVideoPipeline", options=(("frame_rate", 25),)
    ),
    "ltx_timed": Case("ltx_timed", (9, 64, 96), options=(("frame_rate", 25),), decodes=False),
    "ltx_condition": Case(
        "ltx_condition", (17, 64, 96), image=True, options=(("frame_rate", 25), ("image_cond_noise_scale", 0.0))
    ),
    "cogvideox": Case("cogvideox", (9, 64, 64), options=(("max_sequence_length", 16),)),
    "cogvideox_dpm": Case("cogvideox_dpm", (9, 64, 64), options=(("max_sequence_length", 16),), decodes=False),
    "cogvideox15": Case("cogvideox15", (9, 64, 64), options=(("max_sequence_length", 16),)),
    "cogvideox_i2v": Case("cogvideox_i2v", (9, 64, 64), image=True, options=(("max_sequence_length", 16),)),
    "cosmos": Case("cosmos", (9, 32, 48)),
    "cosmos_video": Case("cosmos", (9, 32, 48), video=True, decodes=False),
    "hunyuan15": Case("hunyuan15", (9, 64, 64)),
    "hunyuan15_i2v": Case("hunyuan15_i2v", (9, 64, 64), image=True),
}


def picture(height: int, width: int) -> torch.Tensor:
    """A first frame in [-1, 1] whose values are those of bytes."""
    levels = torch.randint(0, 256, (1, 3, height, width), generator=torch.Generator().manual_seed(3))
    return 2 * (levels.float() / 255) - 1


def own_pipeline(folder: Path, case: Case) -> Any:
    """The diffusers pipeline of a folder, or another class over its components."""
    guardrail = {"safety_checker": Guardrail()} if case.folder == "cosmos" else {}
    pipeline = D.DiffusionPipeline.from_pretrained(folder, local_files_only=True, **guardrail)
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


def run_pipeline(
    pipeline: Any, case: Case, steps: int, guidance: float, noise: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> tuple[Recorded, torch.Tensor]:
    recorded = Recorded([], [])
    networks = [one for one in (pipeline.transformer, getattr(pipeline, "transformer_2", None)) if one is not None]

    def record(_module: Any, _positional: Any, named: dict[str, Any], out: Any) -> None:
        recorded.calls.append(dict(named))
        recorded.results.append(out[0])

    handles = [network.register_forward_hook(record, with_kwargs=True) for network in networks]
    frames, height, width = case.size
    options: dict[str, Any] = {"height": height, "width": width, "guidance_scale": guidance, **dict(case.options)}
    if "Hunyuan" in type(pipeline).__name__:
        pipeline.guider = type(pipeline.guider)(guidance_scale=guidance, enabled=guidance != 1)
        options = {name: options[name] for name in ("height", "width") if not case.image}
    if "CogVideoX" in type(pipeline).__name__:
        options["latents"] = noise.transpose(1, 2)
    if case.image:
        options["image"] = to_pil(picture(height, width))
    if case.video:
        options["video"] = given_video(height, width)
    if case.last:
        options["last_image"] = to_pil(picture(height, width).flip(3))
    # Where a pipeline draws from the posterior of a given frame, we take its mean.
    monkeypatch.setattr(DiagonalGaussianDistribution, "sample", lambda self, generator=None: self.mode())
    out = pipeline(
        prompt=PROMPT,
        num_frames=frames,
        num_inference_steps=steps,
        generator=torch.Generator().manual_seed(5),
        output_type="np" if case.decodes else "latent",
        **options,
    ).frames
    monkeypatch.undo()
    for handle in handles:
        handle.remove()
    return recorded, torch.as_tensor(out)


def as_latents(generator: Any, values: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """What a network or pipeline returned, as b c t h w."""
    if generator.family == "CogVideoX":
        return values.transpose(1, 2)
    return generator.folder.pipeline_class._unpack_latents(values, *shape[2:]) if values.ndim == 3 else values


def noise_of(generator: Any, case: Case) -> torch.Tensor:
    return torch.randn((1, *generator.latent_shape(*case.size)), generator=torch.Generator().manual_seed(5))


def own_conditions(generator: Any, case: Case) -> Conditioning:
    return generator.conditioning(
        [PROMPT], case.size[0], first_frames=given_frames(case), last_frame=last_picture(case)
    )


def given_frames(case: Case) -> torch.Tensor | None:
    _, height, width = case.size
    if case.video:
        return given_video(height, width)
    return picture(height, width)[:, :, None] if case.image else None


def given_video(height: int, width: int) -> torch.Tensor:
    """Five frames, [1 3 5 h w] in [-1, 1]."""
    return torch.cat([picture(height, width)[:, :, None].roll(n, 3) for n in range(5)], dim=2)


def last_picture(case: Case) -> torch.Tensor | None:
    return picture(*case.size[1:]).flip(3) if case.last else None


@pytest.mark.parametrize("name", CASES)
def test_first_training_forward_is_the_pipelines_first_call(
    name: str,
    pipeline_folder: Callable[[str], Path],
    opened: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = CASES[name]
    generator = opened(case.folder)
    noise = noise_of(generator, case)
    recorded, _ = run_pipeline(own_pipeline(pipeline_folder(case.folder), case), case, 3, 1.0, noise, monkeypatch)
    timestep = generator.timesteps(copy.deepcopy(generator.part("scheduler")), 3, noise.shape)[0]
    t = torch.tensor([generator.time_of(timestep)], dtype=torch.float64)
    calls: list[dict[str, Any]] = []
    handle = generator.network.register_forward_hook(
        lambda _, __, named, out: calls.append(dict(named)), with_kwargs=True
    )
    with torch.no_grad():
        ours = generator.denoise(noise, t, own_conditions(generator, case))
    handle.remove()
    for key, value in recorded.calls[0].items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(calls[0][key].to(value).expand_as(value), value), key
    assert torch.equal(ours, as_latents(generator, recorded.results[0], noise.shape))


@pytest.mark.parametrize(
    ("name", "guidance"),
    [("wan21_t2v", 1.0), ("cogvideox_i2v", 1.0), *((name, 4.0) for name in CASES)],
)
def test_sampling_is_the_pipelines(
    name: str,
    guidance: float,
    pipeline_folder: Callable[[str], Path],
    opened: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = CASES[name]
    generator = opened(case.folder)
    noise = noise_of(generator, case)
    pipeline = own_pipeline(pipeline_folder(case.folder), case)
    _, theirs = run_pipeline(pipeline, case, 3, guidance, noise, monkeypatch)
    if not case.decodes:
        conditions = own_conditions(generator, case)
        negative = (
            None
            if guidance == 1
            else replace(conditions, text=generator.encode_text([generator.default_negative_prompt]))
        )
        ours = generator.denoise_all(noise, conditions, negative, 3, guidance, torch.Generator().manual_seed(5))
        # The pipeline of Cosmos leaves (1 - the first sigma) of the noise in the given latents; ours are clean.
        made = slice(2, None) if case.video else slice(None)
        assert torch.allclose(ours[:, :, made], as_latents(generator, theirs, noise.shape)[:, :, made], atol=2e-5)
        return
    frames, height, width = case.size
    ours = generator.sample(
        [PROMPT],
        frames,
        height,
        width,
        generator=torch.Generator().manual_seed(5),
        first_frames=given_frames(case),
        last_frame=last_picture(case),
        sampling=Sampling(num_steps=3, guidance_scale=guidance),
    )
    assert torch.allclose((ours / 2 + 0.5).permute(0, 2, 3, 4, 1), theirs, atol=2e-5)
