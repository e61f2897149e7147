"""What is trained on, what choices are made on, and what neither sees."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from physics_data.core.clip import Clip, PairInfo
from physics_data.core.clip_index import INDEX_NAME, ClipIndex, write_index
from physics_data.core.config import validate_config
from physics_data.core.errors import ConfigError, DataError
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.pipeline.build_config import BuildConfig
from tests.worldsim.tiny_clips import footage_clip, physics_clip, write_dataset
from worldsim.config import DataConfig
from worldsim.data.loading import describe_splits, open_mixture, require_validation, validation_sources
from worldsim.data.sources import ShardSource, divided

Tiny = Callable[..., Clip]


@pytest.fixture
def tiny(falling_ball: SceneSpec, closed_form_fall: Trajectory) -> Tiny:
    """Return a function that makes a clip with changes to its record."""

    def make(index: int, split: str = "train", **changes: Any) -> Clip:
        clip = physics_clip(index, falling_ball, closed_form_fall, split=split)
        return Clip(clip.meta.model_copy(update=changes), clip.rgb, clip.rendering, clip.trajectory)

    return make


def member(number: int, role: Any) -> dict[str, object]:
    possible = role in ("possible", "control", "AA", "BB")
    twin = PairInfo(set_id=f"set-{number}", editor="vanish", role=role, is_possible=possible, is_hidden=False)
    return {"pair": twin, "key": f"set-{number}-{'abcd'[number % 4]}{role}"}


def data(*folders: Path, **changes: object) -> DataConfig:
    sources = [{"path": str(folder)} for folder in folders]
    return DataConfig.model_validate({"sources": sources, "num_frames": 5, "height": 16, "width": 16, **changes})


@pytest.fixture
def mixed(tmp_path: Path, tiny: Tiny) -> Path:
    clips = [tiny(index) for index in range(6)]
    for split in ("train", "val"):
        roles = ("possible", "impossible", "control", "AA", "AB", "BA", "BB")
        clips += [tiny(20, split, **member(number + (split == "val") * 10, role)) for number, role in enumerate(roles)]
    return write_dataset(tmp_path / "mixed", clips)


def test_impossible_clips_are_trained_on_only_where_asked_for_by_name(mixed: Path) -> None:
    source = open_mixture(data(mixed), seed=0, batch_size=2).sources[0]
    assert len(source) == 6 + 4
    assert all(twin is None or twin.is_possible for twin in (source.load(n).meta.pair for n in range(len(source))))
    (validation,) = validation_sources(data(mixed))
    assert len(validation) == 4
    assert describe_splits(data(mixed)) == [
        "mixed: 3 impossible clips are left out (include_impossible: true keeps them)"
    ]
    asked = data(mixed)
    asked = asked.model_copy(update={"sources": (asked.sources[0].model_copy(update={"include_impossible": True}),)})
    assert len(open_mixture(asked, seed=0, batch_size=2).sources[0]) == 13


def test_only_impossible_clips_are_refused_with_the_reason(tmp_path: Path, tiny: Tiny) -> None:
    folder = write_dataset(tmp_path / "d", [tiny(0, **member(0, "impossible"))])
    with pytest.raises(DataError, match=r"none in split 'train' that can happen \(1 impossible ones are left out\)"):
        ShardSource(folder, "train", name="d")


def test_validation_clips_come_from_val_and_never_from_test(make_dataset: Callable[..., Path]) -> None:
    folder = make_dataset("d")
    (validation,) = validation_sources(data(folder))
    assert {row.split for row in validation.rows} == {"val"}
    with pytest.raises(ValueError, match="'train'"):
        data(folder, split="test")


def test_without_val_a_fraction_of_train_is_held_back(tmp_path: Path) -> None:
    """Clips of one file stay on one side, and the same clips are chosen every time."""
    clips = [footage_clip(index, split="train" if index < 40 else "test") for index in range(44)]
    clips = [
        Clip(clip.meta.model_copy(update={"key": f"file{index // 4}-{index:06d}"}), clip.rgb)
        for index, clip in enumerate(clips)
    ]
    folder = write_dataset(tmp_path / "d", clips)
    with pytest.raises(DataError, match=r"no clip in split 'val'.*data.validation_fraction=0.1"):
        require_validation(data(folder))
    assert "d: no validation clips" in describe_splits(data(folder))[0]
    config = data(folder, validation_fraction=0.2)
    require_validation(config)
    trained, (held_back,) = open_mixture(config, seed=0, batch_size=2).sources[0], validation_sources(config)
    files = [{row.key.partition("-")[0] for row in source.rows} for source in (trained, held_back)]  # type: ignore[union-attr]
    assert (len(files[0]), len(files[1])) == (8, 2) and not files[0] & files[1]
    assert len(trained) + len(held_back) == 40
    assert "8 clips of split 'train' are held back" in describe_splits(config)[0]
    write_index(tmp_path, list(held_back._dataset.rows)[::-1])
    again = divided(ClipIndex(tmp_path / INDEX_NAME), 0.2)
    assert len(again["val"]) == 8


def test_one_scene_on_two_engines_is_not_divided(tmp_path: Path, tiny: Tiny) -> None:
    keys = [f"free_drop-{engine}-{index:07d}" for index in range(10) for engine in ("mujoco", "bullet")]
    folder = write_dataset(tmp_path / "d", [tiny(0, key=key) for key in keys])
    (held_back,) = validation_sources(data(folder, validation_fraction=0.3))
    assert sorted(row.key.rpartition("-")[2] for row in held_back.rows)[::2] == sorted(
        {row.key.rpartition("-")[2] for row in held_back.rows}
    )


def test_scenarios_that_are_held_out_do_not_leak_in_through_pairs(tmp_path: Path, tiny: Tiny) -> None:
    def of(scenario: str, **changes: Any) -> dict[str, Any]:
        return {"spec": tiny(0).meta.spec.model_copy(update={"scenario": scenario}), **changes}  # type: ignore[union-attr]

    plain = write_dataset(tmp_path / "plain", [tiny(0, **of("collide")), tiny(1, "ood", **of("tunnel"))])
    pairs = write_dataset(tmp_path / "pairs", [tiny(2, **of("tunnel", **member(0, "possible")))])
    own = [tiny(0, **of("collide")), tiny(1, "ood", **of("tunnel")), tiny(2, **of("tunnel", **member(0, "possible")))]
    open_mixture(data(plain), seed=0, batch_size=2)
    for folders in ((plain, pairs), (write_dataset(tmp_path / "own", own),)):
        with pytest.raises(DataError, match="scenario 'tunnel' is held out by .* and would be trained on in"):
            open_mixture(data(*folders), seed=0, batch_size=2)


def test_a_build_checks_the_scenarios_of_its_editors() -> None:
    raw: dict[str, Any] = {
        "scenarios": ["collide"],
        "held_out": {"scenarios": ["free_drop"]},
        "pairs": {"editors": ["vanish"], "sets_per_editor": {"train": 1}},
    }
    with pytest.raises(ConfigError, match="editor 'vanish' draws scenes of 'free_drop', which is held out"):
        validate_config(BuildConfig, raw, source="test")
    raw["pairs"]["scenarios"] = ["projectile", "uniform_motion"]
    plan = validate_config(BuildConfig, raw, source="test")
    drawn = {task.scenario for tasks in plan.pair_shards().values() for task in tasks}
    assert drawn <= {"projectile", "uniform_motion"}
    raw["pairs"] = {"editors": ["vanish"], "sets_per_editor": {"test": 4}}  # pairs of the split "test" teach nothing
    validate_config(BuildConfig, raw, source="test")
