"""Frames that are given anywhere in a video."""

from dataclasses import replace

import pytest
import torch

from physics_data.core.errors import DataError
from tests.worldsim.sampling.test_generate import draw, first_frames, parts  # noqa: F401
from worldsim.losses.denoising import DiTObjective, dit_objective
from worldsim.model import DiT, DiTConfig
from worldsim.model.conditioning import Conditioning
from worldsim.sampling import SamplingConfig, denoise, encode_frames, standing_still
from worldsim.sampling.rollout import latent_frame_of, video_frames_of
from worldsim.vae import VideoVAE

Parts = tuple[DiT, VideoVAE]


def picture(seed: int = 5) -> torch.Tensor:
    return torch.rand(2, 3, 16, 24, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_every_video_frame_is_in_the_latent_frame_that_says_so() -> None:
    assert [latent_frame_of(frame, 4) for frame in range(10)] == [0, 1, 1, 1, 1, 2, 2, 2, 2, 3]
    for factor in (1, 2, 4):
        for frame in range(20):
            assert frame in video_frames_of(latent_frame_of(frame, factor), factor)


def test_what_rests_is_said() -> None:
    assert standing_still({0: "a", 16: "b"}, 4) == {4: range(13, 17)}
    assert standing_still(dict.fromkeys(range(5)), 4) == {}
    assert standing_still({7: "a"}, 1) == {}


@torch.no_grad()
def test_whole_groups_are_encoded_as_they_are_and_single_pictures_as_still_ones(parts: Parts) -> None:  # noqa: F811
    _, vae = parts
    given = first_frames(3)
    start, end = dict(enumerate(given.unbind(2))), picture()
    found = encode_frames(vae, {**start, 6: end}, 7, 16, 24)
    assert found["known"].tolist() == [[True, True, False, True]] * 2
    torch.testing.assert_close(found["latents"][:, :, :2], vae.normalise(vae.encode(given).mode()))
    resting = [given[:, :, -1:].expand(-1, -1, 2, -1, -1), end[:, :, None].expand(-1, -1, 2, -1, -1)]
    shown = torch.cat([given, *resting], dim=2)
    torch.testing.assert_close(found["latents"][:, :, 3], vae.normalise(vae.encode(shown).mode())[:, :, 3])
    still = end[:, :, None].expand(-1, -1, 7, -1, -1)
    alone = encode_frames(vae, {6: end}, 7, 16, 24)
    assert alone["known"].tolist() == [[False, False, False, True]] * 2
    torch.testing.assert_close(alone["latents"][:, :, 3], vae.normalise(vae.encode(still).mode())[:, :, 3])


def test_given_latents_come_out_as_they_went_in_whatever_the_guidance(parts: Parts) -> None:  # noqa: F811
    dit, vae = parts
    given = encode_frames(vae, {0: picture(1), 6: picture(2)}, 7, 16, 24)
    noise = torch.randn(given["latents"].shape, generator=torch.Generator().manual_seed(0))
    words = {"ids": torch.ones(2, 3, dtype=torch.int64), "mask": torch.ones(2, 3, dtype=torch.bool)}
    known = Conditioning.of(words, torch.full((2,), 16.0), torch.ones(2).long(), frames=given)
    sampling = SamplingConfig(num_steps=3, guidance_scale=4.0)
    made = denoise(dit, noise, known, sampling)
    assert torch.equal(made[:, :, [0, 3]], given["latents"][:, :, [0, 3]])
    assert not torch.allclose(made[:, :, 1:3], noise[:, :, 1:3], atol=1e-3)
    free = denoise(dit, known.place(noise), replace(known, frames={}), sampling)
    assert not torch.allclose(made[:, :, 1:3], free[:, :, 1:3], atol=1e-3)


def test_the_last_frame_changes_what_comes_before_it(parts: Parts) -> None:  # noqa: F811
    free, ending = draw(parts), draw(parts, frames={6: picture()})
    assert not torch.allclose(free[:, :, :3], ending[:, :, :3], atol=1e-3)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"frames": {7: picture()}}, "frame 7 is given, the video has 7 frames; give one from 0 to 6"),
        ({"frames": {2: picture()[..., :8]}}, "frame 2 is given in 8x16, asked for is 24x16"),
        ({"frames": {2: picture()[:1]}}, "frame 2 is given for 1 videos, asked for are 2"),
        ({"frames": dict.fromkeys((0, 1, 4, 6), picture())}, "leave nothing to generate in a video of 7"),
        ({"frames": {1: picture()}, "first_frames": first_frames()}, "frame 1 is given and one of 3 first frames"),
    ],
)
def test_frames_that_do_not_fit_are_refused(
    parts: Parts,  # noqa: F811
    changed: dict[str, object],
    message: str,
) -> None:
    with pytest.raises(DataError, match=message):
        draw(parts, **changed)


def test_a_transformer_learns_what_lies_between_two_given_frames() -> None:
    """Every clip goes evenly from one random picture to another: given both, the middle is no longer open."""
    torch.manual_seed(0)
    dit = DiT(DiTConfig(latent_channels=4, depth=2, width=48, num_heads=2, text_buckets=8))
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(dit.parameters(), lr=3e-3)
    settings = DiTObjective(
        image_to_video_probability=0.8,
        random_position_probability=1.0,
        min_conditioning_latents=1,
        max_conditioning_latents=2,
    )
    words = {"ids": torch.zeros(32, 1).long(), "mask": torch.zeros(32, 1).bool()}
    free = Conditioning.of(words, torch.full((32,), 16.0), torch.ones(32).long())
    share = torch.linspace(0, 1, 3)[:, None, None]

    def clips() -> torch.Tensor:
        start, end = torch.randn(2, 32, 4, 1, 2, 2, generator=generator)
        return start * (1 - share) + end * share

    for _ in range(250):
        optimizer.zero_grad()
        dit_objective(dit, clips(), free, generator, settings)["loss"].backward()
        optimizer.step()
    truth = clips()
    noise = torch.randn(truth.shape, generator=generator)

    def continued(*known: bool) -> torch.Tensor:
        frames = {"latents": truth, "known": torch.tensor(known).expand(32, -1)}
        return denoise(dit, noise, replace(free, frames=frames), SamplingConfig(num_steps=8))

    made, forgotten = continued(True, False, True), continued(True, False, False)
    between, guessed = ((one - truth)[:, :, 1].square().mean() for one in (made, forgotten))
    assert between < 0.1  # of a middle whose variance is 0.5
    assert guessed > 0.2  # and 0.25 of it stays open without the end
