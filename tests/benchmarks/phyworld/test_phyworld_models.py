"""Models in PhyWorld's table: what they are shown, what is refused, and how draws become rows."""

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.phyworld.continuations import Continuer, Plan, chosen_scenes, coded, measure, measure_shipped, picture
from benchmarks.phyworld.table import Draw, Measured, SceneError, best_published, markdown, rows_of, scene_error
from benchmarks.phyworld.world import Kind, draw
from physics_data.core.errors import DataError
from worldsim.config import TokenizerConfig
from worldsim.model import DiT, DiTConfig
from worldsim.model.motion_prior import MotionPriorConfig
from worldsim.vae import VideoVAE, VideoVAEConfig
from worldsim.vae.vae_config import Stride
from worldsim.weights import save_generator, save_vae


def pixel_vae(frames: int = 1) -> tuple[VideoVAE, VideoVAEConfig]:
    strides = (Stride(frames=frames, size=1),)
    config = VideoVAEConfig(
        latent_channels=3 * frames, strides=strides, widths=(8,), encoder_blocks=(0,), decoder_blocks=(0,)
    )
    return VideoVAE(config), config


def saved(folder: Path, factor: int = 1) -> Path:
    """Save an untrained model whose pictures are carried along paths, on pixels as latents."""
    vae, vae_config = pixel_vae(factor)
    save_vae(folder / "vae", vae, vae_config, {})
    config = DiTConfig(
        latent_channels=3 * factor,
        temporal_factor=factor,
        patch_size=16,
        depth=1,
        width=32,
        num_heads=1,
        text_buckets=16,
        motion_prior=MotionPriorConfig(),
    )
    torch.manual_seed(0)
    dit = DiT(config)
    clip = {"num_frames": 32 if factor == 1 else 33, "height": 32, "width": 32, "frame_rate": 10.0}
    words = TokenizerConfig(max_words=1, num_buckets=16)
    save_generator(folder / "model", dit, config, words, folder / "vae", {"clip": clip})
    return folder


def test_a_model_sees_three_frames_and_no_more(tmp_path: Path):
    model = Continuer(saved(tmp_path), num_steps=1)
    scene = next(scene for scene in chosen_scenes("uniform", 400) if not scene.is_in_range)
    later = type(scene)(scene.kind, scene.radii, scene.speeds, scene.start, scene.positions.copy())
    later.positions[3:] = 5.0
    first, second = (next(iter(model.videos([one], seed=0))).frames for one in (scene, later))
    assert np.array_equal(first, second)
    given = np.abs(first[:3].astype(int) - draw(scene)[:3]).mean()
    assert given < 5  # softer rims; upside down it is 28


def test_a_video_depends_on_its_own_seed_alone(tmp_path: Path):
    model = Continuer(saved(tmp_path), num_steps=1)
    scenes = chosen_scenes("uniform", 400)[:3]
    together = [one.frames for one in model.videos(scenes, seed=3, batch_size=3)]
    apart = [one.frames for one in model.videos(scenes, seed=3, batch_size=1)]
    assert all(np.abs(a.astype(int) - b).max() <= 1 for a, b in zip(together, apart, strict=True))


def test_more_than_three_given_frames_are_refused(tmp_path: Path):
    with pytest.raises(DataError, match="temporal factor of 1 or 2"):
        Continuer(saved(tmp_path, factor=4))


def test_a_vae_with_a_temporal_factor_codes_more_frames_and_drops_them():
    scene = chosen_scenes("uniform", 400)[0]
    for factor in (1, 4):
        vae, _ = pixel_vae(factor)
        frames = coded(vae, scene, 64)
        assert frames.shape == (32, 256, 256, 3)
    lossless, _ = pixel_vae()
    error = scene_error(scene, coded(lossless, scene, 64))
    assert error is not None and error.unbiased < 0.01


def test_rows_hold_draws_and_scenes_apart():
    scenes = [(True, 0.01, 0.02), (True, 0.03, 0.04), (False, 0.1, 0.2), (False, float("nan"), 0.4)]
    draws = tuple(
        Draw(
            "run", seed, tuple(SceneError(inside, published + seed, unbiased) for inside, published, unbiased in scenes)
        )
        for seed in (0, 1)
    )
    rows = {row.name: row for row in rows_of(Measured("ours", "uniform", draws, "command", aims=True))}
    inside = rows["uniform, in of range, ours, published"]
    assert inside.value == pytest.approx(0.52)
    assert inside.spread.startswith("0.0200 to 1.0200 over 2 draws, 95 % over 2 scenes")
    assert (inside.target, inside.meets) == (0.022, False)
    outside = rows["uniform, out of range, ours, published"]
    assert outside.value == pytest.approx(0.6)
    assert outside.peer_value == best_published("uniform", "out") == 0.288
    assert rows["uniform, out of range, ours, unbiased"].value == pytest.approx(0.3)
    table = markdown("uniform", list(rows.values()))
    assert "| ours | 0.5200 (0.0200 to 1.0200) | 0.6000 (0.1000 to 1.1000) | 0.0300 (0.0300 to 0.0300) |" in table
    assert "| DiT-S, 3M clips, published | 0.0149 | 0.288 | | |" in table


def test_a_plan_gives_rows_and_a_picture(tmp_path: Path):
    saved(tmp_path)
    plan = Plan("uniform", models=(tmp_path,), vaes=(tmp_path / "vae",), seeds=(0, 1), every=400, num_steps=1)
    found = measure(plan)
    names = [row.name for row in found.rows]
    assert "uniform, out of range, ours, published" in names
    assert "uniform, in of range, truth after VAE vae at 64 px, published, rise over the pictures alone" in names
    sheet = picture(found.pictured)
    assert sheet.ndim == 3 and len(found.pictured) > 2


@pytest.mark.parametrize(("law", "every"), [("uniform", 200), ("parabola", 100), ("collision", 120)])
def test_the_models_that_come_with_the_package_know_their_laws_out_of_range(law: Kind, every: int):
    rows = {row.name: row for row in measure_shipped(law, every)}
    row = rows[f"{law}, out of range, ours as shipped, published"]
    assert row.value <= row.target < row.peer_value
