"""Held-out combinations: in no scene of training, alone in theirs, and without a trace in builds that name none."""

import pytest

from physics_data.core.clip import Clip
from physics_data.core.config import validate_config
from physics_data.core.errors import ClipRejectedError, ConfigError
from physics_data.core.shards import encode_clip
from physics_data.pipeline.build_config import BuildConfig
from physics_data.pipeline.generate import ClipTask, generate_clip

FAST_RED = {"scenarios": ["uniform_motion"], "colors": ["red"], "speed": [1.7, 9.0]}
SLOW_BALL = {"scenarios": ["uniform_motion"], "nouns": ["ball"], "speed": [0.1, 1.7]}
LARGE_BOX = {"scenarios": ["uniform_motion"], "nouns": ["box"], "radius": [0.35, 0.5]}


def config(**held_out: object) -> BuildConfig:
    return validate_config(
        BuildConfig,
        {
            "scenarios": ["uniform_motion"],
            "scenes_per_scenario": {"train": 24, "test": 2},
            "held_out": held_out or None,
            "settings": {
                "width": 16,
                "height": 16,
                "num_frames": 5,
                "frame_rate": 4,
                "radius": [0.3, 0.4],
                "palette": ["red", "blue"],
            },
        },
        source="test",
    )


def made(plan: BuildConfig, task: ClipTask) -> Clip:
    return generate_clip(task, plan.settings, plan.seed, plan.renderer, (), plan.combinations).clip


def of_split(plan: BuildConfig, split: str) -> list[ClipTask]:
    return [task for tasks in plan.shards().values() for task in tasks if task.split == split]


def facts(clip: Clip) -> tuple[bool, bool, bool]:
    spec, _, _ = clip.labelled
    mover = spec.bodies[1]
    fast = mover.linear_velocity[0] ** 2 + mover.linear_velocity[1] ** 2 >= 1.7**2
    width = getattr(mover.shape, "radius", None) or mover.shape.half_extents[0]
    return (
        mover.appearance.color_name == "red" and fast,
        mover.noun == "ball" and not fast,
        mover.noun == "box" and width >= 0.35,
    )


def test_training_never_shows_them_and_their_scenes_show_one_each() -> None:
    names = {"fast_red": FAST_RED, "slow_ball": SLOW_BALL, "large_box": LARGE_BOX}
    plan = config(combinations=names, scenes=3)
    for task in of_split(plan, "train"):
        assert facts(made(plan, task)) == (False, False, False), task.key
    held_out = [task for task in of_split(plan, "ood") if task.combination is not None]
    assert len(held_out) == 9
    for task in held_out:
        assert f"-{task.combination}-" in task.key
        assert facts(made(plan, task)) == tuple(task.combination == name for name in names), task.key


def test_scenes_without_a_combination_are_those_of_a_build_that_names_none() -> None:
    plain, plan = config(), config(combinations={"fast_red": FAST_RED}, scenes=0)
    kept = 0
    for task in of_split(plain, "train")[:8]:
        before = made(plain, task)
        if not facts(before)[0]:
            kept += 1
            assert encode_clip(before) == encode_clip(made(plan, task))
    assert 0 < kept < 8


def test_a_combination_that_cannot_be_drawn_is_named() -> None:
    plan = config(combinations={"fast_red": {**FAST_RED, "speed": [50.0, 60.0]}}, scenes=1)
    task = next(task for task in of_split(plan, "ood") if task.combination)
    with pytest.raises(ClipRejectedError, match="has the combination 'fast_red' alone"):
        made(plan, task)


@pytest.mark.parametrize(
    ("combination", "message"),
    [
        ({**FAST_RED, "colors": ["rde"]}, "color 'rde' is unknown"),
        ({**FAST_RED, "speed": [2.0, 1.0]}, "write the smaller value first"),
        ({"scenarios": ["uniform_motion"], "colors": ["red"]}, "two attributes or more"),
        ({**FAST_RED, "scenarios": ["collide"]}, "'collide' is none of the build's scenarios"),
    ],
)
def test_what_makes_no_sense_is_refused(combination: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config(combinations={"fast_red": combination})


def test_pairs_would_show_every_combination() -> None:
    values = config(combinations={"fast_red": FAST_RED}).model_dump(mode="json")
    with pytest.raises(ConfigError, match="pair sets draw every combination"):
        validate_config(BuildConfig, {**values, "pairs": {"editors": ["vanish"]}}, source="test")
