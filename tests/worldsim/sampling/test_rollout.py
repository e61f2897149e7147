"""Frame by frame against all at once."""

import itertools

import pytest
import torch

from physics_data.core.errors import DataError
from tests.worldsim.model.test_causal_and_cache import stirred
from worldsim.model import DiTConfig
from worldsim.model.conditioning import Conditioning
from worldsim.sampling import SamplingConfig, rollout

CONFIG = DiTConfig(latent_channels=4, depth=2, width=48, num_heads=2, text_buckets=32, causal=True)
KNOWN = Conditioning.of_words(
    torch.arange(6).view(2, 3) + 1,
    torch.ones(2, 3, dtype=torch.bool),
    torch.tensor([1, 2]),
    torch.tensor([16.0, 16.0], dtype=torch.float64),
)
SAMPLING = SamplingConfig(num_steps=3, guidance_scale=2.0)


def start(frames: int = 1) -> torch.Tensor:
    return torch.randn(2, 4, frames, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def roll(num_frames: int, **settings: object) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    settings = {"sampling": SAMPLING, **settings}
    return list(rollout(stirred(CONFIG), KNOWN, start(), num_frames, generator=generator, **settings))  # type: ignore[arg-type]


def test_frames_of_a_rollout_solve_the_same_equation_without_a_cache() -> None:
    dit, generator = stirred(CONFIG), torch.Generator().manual_seed(0)
    so_far = start()
    for made in roll(3):
        x = torch.randn(2, 4, 1, 4, 4, generator=generator, dtype=torch.float64)
        stops = SAMPLING.timesteps.tolist()
        for now, then in itertools.pairwise(stops):
            t = torch.zeros(2, so_far.shape[2] + 1, dtype=torch.float64)
            t[:, -1] = now
            whole = torch.cat([so_far, x], dim=2)
            with torch.no_grad():
                prompted = dit(whole, t, KNOWN)[:, :, -1:]
                unprompted = dit(whole, t, KNOWN.without_prompt())[:, :, -1:]
            x = x + (then - now) * (unprompted + 2.0 * (prompted - unprompted))
        torch.testing.assert_close(made, x, atol=1e-9, rtol=0)
        so_far = torch.cat([so_far, x], dim=2)


def test_the_first_frames_do_not_depend_on_the_length() -> None:
    torch.testing.assert_close(torch.cat(roll(2), 2), torch.cat(roll(5), 2)[:, :, :2], atol=0, rtol=0)
    assert [part.shape[2] for part in roll(5, chunk=2)] == [2, 2, 1]


def test_a_window_that_holds_everything_changes_nothing() -> None:
    torch.testing.assert_close(torch.cat(roll(3), 2), torch.cat(roll(3, window=8), 2), atol=0, rtol=0)
    assert not torch.equal(roll(6)[-1], roll(6, window=1)[-1])


def test_what_cannot_be_rolled_out_is_refused() -> None:
    full = stirred(CONFIG.model_copy(update={"causal": False}))
    with pytest.raises(DataError, match="model.causal"):
        next(rollout(full, KNOWN, start(), 2, generator=torch.Generator()))
    with pytest.raises(DataError, match="makes nothing"):
        roll(0)
