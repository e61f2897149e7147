"""The generator's table: what a video shows is counted as it should be, and what is missing is named."""

import numpy as np
import pytest

from benchmarks.generator import MISSING, _row, ball_prompts, shows, speed
from physics_data.simulation import simulate
from worldsim.videos import SampleConfig, Sampler


def test_sixty_prompts_are_different_and_say_the_colours_that_are_counted() -> None:
    prompts = ball_prompts(60)
    assert len({prompt for prompt, _ in prompts}) == 60
    for prompt, colours in prompts:
        assert [word for word in prompt.split() if word in ("red", "blue", "green", "yellow")] == list(colours)


def test_simulated_balls_are_counted_with_their_colours() -> None:
    right = wrong = 0
    for seed in range(6):
        clip = simulate("collide", seed=seed, num_frames=17, palette=["red", "blue"], layout="centred")
        spec = clip.meta.spec
        assert spec is not None
        colours = [body.appearance.color_name for body in spec.bodies if body.is_dynamic]
        right += shows(clip.rgb, 16.0, colours)
        wrong += shows(clip.rgb, 16.0, ["green", *colours[1:]])
        gone = np.concatenate([clip.rgb[:8], np.repeat(clip.rgb[:1] // 2 + 64, 9, axis=0)])
        assert not shows(gone[:, ::-1], 16.0, ["green"])
    assert right >= 4 and wrong == 0


@pytest.mark.slow
def test_rows_have_targets_and_what_is_missing_says_why() -> None:
    from pathlib import Path

    row = speed(Sampler.load(Path("builtin:world"), SampleConfig()), repeats=1)
    assert row.value is not None and row.value > 0 and row.target == 24.0
    assert all(why for _, _, why in MISSING.values())


def test_rows_of_equal_values_and_of_single_scenes_say_that_there_is_no_interval() -> None:
    for by_scene, seeds in (({"a": [1.0]}, 1), ({"a": [0.0, 0.0], "b": [0.0, 0.0]}, 2)):
        row = _row("name", by_scene, "1", 0.5, seeds)
        assert row.value is not None and "no interval" in (row.spread or "")
    spread = _row("name", {"a": [0.0, 1.0], "b": [1.0, 0.5], "c": [0.2, 0.4]}, "1", 0.5, 2).spread
    assert spread is not None and spread.startswith("95 % [")
    assert _row("name", {}, "1", 0.5, 2).value is None
