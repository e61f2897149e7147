"""Training clips of PhyWorld's laws: training's ranges only, in the pixels too, and readable by the trainer."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.phyworld.table import scene_error
from benchmarks.phyworld.training_clips import ClipPlan, ranges_seen, training_scene, write_clips
from benchmarks.phyworld.world import KINDS, RANGES, as_drawn, as_seen, draw, make_scene, motion
from physics_data.core.errors import ConfigError, DataError
from worldsim.config import DataConfig, SourceConfig
from worldsim.data.loading import open_mixture


@pytest.mark.parametrize("kind", KINDS)
def test_training_scenes_are_in_range(kind):  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    assert all(training_scene(kind, rng).is_in_range for _ in range(20))


def test_stored_pixels_show_training_s_ranges_only(tmp_path: Path):
    assert write_clips(tmp_path / "set", ClipPlan(law="uniform", clips=24, test_clips=4, size=64)) == 28
    seen, ranges = ranges_seen(tmp_path / "set"), RANGES["uniform"]
    assert ranges.radius[0] - 0.05 < seen.radius[0] < seen.radius[1] < ranges.radius[1] + 0.05
    assert ranges.speed[0] - 0.05 < seen.speed[0] < seen.speed[1] < ranges.speed[1] + 0.05
    assert seen.speed[1] - seen.speed[0] > 2


def test_the_trainer_reads_the_clips_and_a_larger_set_begins_with_a_smaller_one(tmp_path: Path):
    write_clips(tmp_path / "small", ClipPlan(law="parabola", clips=2, test_clips=1, size=32))
    write_clips(tmp_path / "large", ClipPlan(law="parabola", clips=3, test_clips=1, size=32))
    pixels = []
    for name in ("small", "large"):
        source = SourceConfig(path=tmp_path / name)
        config = DataConfig(sources=(source,), num_frames=32, height=32, width=32, frame_rate=10.0)
        pixels.append(open_mixture(config, seed=0, batch_size=1).sources[0].load(1).rgb)
    assert np.array_equal(*pixels)
    assert pixels[0].shape == (32, 32, 32, 3)
    with pytest.raises(DataError, match="made another way"):
        write_clips(tmp_path / "small", ClipPlan(law="parabola", clips=3, test_clips=1, size=32))


def test_balls_fall_downwards_in_what_a_model_sees():
    scene = make_scene("parabola", (1.0,), (1.0,), np.random.default_rng(0))
    assert scene is not None
    red = as_seen(draw(scene), 32)[[0, 20], :, :, 1] < 128
    first, later = (np.nonzero(frame)[0].mean() for frame in red)
    assert later > first


def test_a_picture_of_any_size_is_read_where_it_was_drawn():
    scene = make_scene("uniform", (0.9,), (2.0,), np.random.default_rng(1))
    assert scene is not None
    for size in (32, 64, 128):
        error = scene_error(scene, as_drawn(as_seen(draw(scene), size)))
        assert error is not None and error.unbiased < 0.01 and error.published < 0.03
    with pytest.raises(ConfigError, match="write 64"):
        as_seen(draw(scene), 48)


def test_a_scene_goes_on_beyond_the_published_frames():
    scene = make_scene("parabola", (1.0,), (2.0,), np.random.default_rng(0))
    assert scene is not None
    assert np.array_equal(scene.moved(33)[:32], scene.positions)
    assert np.array_equal(scene.moved(40), motion(scene.kind, scene.radii, scene.speeds, scene.start, 40))
