"""Speed of sampling: frame by frame with a cache, against passing the whole past through the network again."""

import torch

from benchmarks.rows import Row, median_row
from benchmarks.speed.timing import Job, interleaved
from worldsim.diffusion import SOLVERS, timestep_grid
from worldsim.model import DiT, DiTConfig
from worldsim.model.conditioning import Conditioning
from worldsim.sampling import SamplingConfig, rollout

COMMAND = "python -m benchmarks speed sample --json"
CONFIG = DiTConfig(depth=12, width=384, num_heads=6, latent_channels=16, causal=True, absolute_time=False)
"""DiT-S; 128 x 128 through a VAE of 4 x 8 x 8 is 64 tokens for each latent frame of 4 video frames."""

STEPS, LATENT_FRAMES, FRAMES_EACH = 4, 12, 4


def measure_sample(repeats: int) -> list[Row]:
    """Time rollouts of 48 video frames of 128 x 128 in 4 solver steps."""
    return frame_by_frame(CONFIG, "cuda" if torch.cuda.is_available() else "cpu", repeats)


def frame_by_frame(config: DiTConfig, device: str, repeats: int, latent_frames: int = LATENT_FRAMES) -> list[Row]:
    """Return the rows of a causal transformer: with a cache, with a window, and without."""
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    dit = DiT(config).to(device, dtype).eval().requires_grad_(False)
    ids, mask = torch.ones(1, 16, dtype=torch.int64, device=device), torch.ones(1, 16, dtype=torch.bool, device=device)
    rate = torch.tensor([24.0], device=device, dtype=dtype)
    conditioning = Conditioning.of_words(ids, mask, torch.ones(1, dtype=torch.int64, device=device), rate)
    start = torch.randn(1, 16, 1, 16, 16, device=device, dtype=dtype)
    sampling = SamplingConfig(num_steps=STEPS, guidance_scale=1.0)

    def cached(window: int | None) -> Job:
        def run() -> None:
            generator = torch.Generator(device).manual_seed(0)
            for _ in rollout(
                dit, conditioning, start, latent_frames, generator=generator, sampling=sampling, window=window
            ):
                pass
            if device == "cuda":
                torch.cuda.synchronize()

        return run

    @torch.no_grad()
    def again() -> None:
        """Make each frame by passing all frames before it through the transformer in every solver step."""
        past = start
        for _ in range(latent_frames):

            def field(x: torch.Tensor, t: float, past: torch.Tensor = past) -> torch.Tensor:
                level = torch.zeros(1, past.shape[2] + 1, device=device, dtype=dtype)
                level[:, -1] = t
                return dit(torch.cat([past, x], dim=2), level, conditioning)[:, :, -1:]

            x = torch.randn_like(start)
            past = torch.cat([past, SOLVERS.get("euler")()(field, x, timestep_grid(STEPS))], dim=2)
        if device == "cuda":
            torch.cuda.synchronize()

    jobs: dict[str, Job] = {"cache": cached(None), "window": cached(4), "again": again}
    seconds = interleaved(jobs, repeats)
    rates = {name: [FRAMES_EACH * latent_frames / s for s in values] for name, values in seconds.items()}
    what = f"DiT-S, 128x128, {STEPS} steps, {latent_frames} latent frames, VAE not counted"
    peer = "the same without a cache"
    target = 24.0 if device == "cuda" else None
    name = f"frame by frame, {what}"
    return [
        median_row(name, rates["cache"], "frames/s", target, peer, rates["again"], COMMAND),
        median_row(f"{name}, window of 4", rates["window"], "frames/s", target, peer, rates["again"], COMMAND),
    ]
