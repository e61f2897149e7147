"""Plans: who runs on what, and that nothing of one split gets into another."""

import itertools

import pytest

from physics_data.core.config import fingerprint, validate_config
from physics_data.core.errors import ConfigError, WorldsimError
from physics_data.pipeline.build import planned_clips
from physics_data.pipeline.build_config import BuildConfig
from physics_data.pipeline.generate import FIRST_INDEX, generate_clip, split_of
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.shared.scenario import Range


def config(**values) -> BuildConfig:
    return validate_config(BuildConfig, {"scenarios": ["free_drop", "collide"], **values}, source="test")


def tasks_of(plan: BuildConfig) -> list:
    return [task for tasks in plan.shards().values() for task in tasks]


def test_the_old_plan_is_the_plan_without_new_keys():
    plan = config(scenes_per_scenario={"train": 3, "test": 1}, clips_per_shard=4)
    assert list(plan.shards()) == ["train-00000", "train-00001", "test-00000"]
    assert [task.key for task in plan.shards()["train-00000"]] == [
        "free_drop-mujoco-0000000",
        "collide-mujoco-0000000",
        "free_drop-bullet-0000001",
        "collide-bullet-0000001",
    ]
    assert [task.key for task in plan.shards()["test-00000"]] == ["free_drop-mujoco-1000000", "collide-mujoco-1000000"]


def test_splits_have_scenes_of_their_own():
    plan = config(
        scenarios=["free_drop", "drop_bounce"],
        scenes_per_scenario={"train": 5, "val": 3, "test": 2},
        held_out={"scenarios": ["collide"], "scenes": 4},
    )
    tasks = tasks_of(plan)
    assert len({task.key for task in tasks}) == len(tasks)
    by_split = {split: {(t.scenario, t.index) for t in tasks if t.split == split} for split in FIRST_INDEX}
    assert [len(by_split[split]) for split in ("train", "val", "test")] == [10, 6, 4]
    for first, second in itertools.combinations(by_split.values(), 2):
        assert not first & second
    for name in plan.shards():
        assert {task.split for task in plan.shards()[name]} == {name.split("-")[0]}, "a shard holds one split"


def test_held_out_scenarios_are_in_ood_alone_and_held_out_ranges_too():
    plan = config(scenarios=["free_drop", "drop_bounce"], held_out={"scenarios": ["collide"], "scenes": 4})
    tasks = tasks_of(plan)
    assert {task.split for task in tasks if task.scenario == "collide"} == {"ood"}
    assert {task.split for task in tasks if task.ranges == "held_out"} == {"ood"}
    for task in tasks:
        if task.split == "ood" and task.scenario != "collide":
            assert task.ranges == "held_out", "training's own scenarios show what training never draws"
            assert any(value.held_out for value in SCENARIOS.get(task.scenario).ranges.values())


def test_ood_clips_draw_outside_of_trainings_ranges(monkeypatch):
    drawn: list[tuple[bool, bool]] = []
    draw = Range.draw

    def note(self, rng, settings):
        value = draw(self, rng, settings)
        drawn.append((bool(self.held_out), self.low <= value <= self.high))
        return value

    monkeypatch.setattr(Range, "draw", note)
    plan = config(
        scenarios=["drop_bounce"],
        held_out={"scenes": 2},
        scenes_per_scenario={"train": 2, "test": 0},
        settings={"width": 16, "height": 16},
    )
    for task in tasks_of(plan):
        drawn.clear()
        clip = generate_clip(task, plan.settings, plan.seed, plan.renderer, ()).clip
        assert clip.meta.split == task.split
        inside = {is_inside for has_held_out, is_inside in drawn if has_held_out}
        assert inside == ({False} if task.split == "ood" else {True})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"held_out": {"scenarios": ["collide"]}}, "'collide'.*held out and would be trained on"),
        ({"held_out": {}, "settings": {"ranges": "held_out"}}, "training would see the held-out ranges"),
        ({"scenarios": ["collide", "collide"]}, "listed twice"),
        ({"held_out": {"scenarios": ["colide"]}}, "Did you mean 'collide'"),
        ({"streams": ["optical_flw"]}, "optical_flow"),
    ],
)
def test_what_would_leak_or_cannot_run_is_refused(values, message):
    with pytest.raises(WorldsimError, match=message):
        config(**values)


def test_a_scenario_that_no_engine_of_the_build_can_run_is_refused(monkeypatch):
    monkeypatch.setattr(SCENARIOS.get("collide"), "engines", ("mujoco",))
    with pytest.raises(ConfigError, match="'collide' runs on mujoco, engines are bullet"):
        config(engines=["bullet"])


def test_a_scenario_alternates_among_the_engines_that_it_claims(monkeypatch):
    monkeypatch.setattr(SCENARIOS.get("collide"), "engines", ("mujoco",))
    plan = config(scenes_per_scenario={"train": 4, "test": 0})
    engines = {name: [t.engine for t in tasks_of(plan) if t.scenario == name] for name in ("collide", "free_drop")}
    assert engines == {"collide": ["mujoco"] * 4, "free_drop": ["mujoco", "bullet"] * 2}


def test_all_means_every_scenario():
    assert config(scenarios=["all"]).scenarios == tuple(SCENARIOS)


def test_splits_of_indices():
    assert [split_of(index) for index in (0, 999_999, 1_000_000, 2_000_000, 3_000_000)] == [
        "train",
        "train",
        "test",
        "val",
        "ood",
    ]


def test_planned_clips_count_every_clip_of_a_set():
    pairs = {"editors": ["hidden_vanish", "wrong_bounce"], "sets_per_editor": {"train": 2, "test": 1}}
    plan = config(scenes_per_scenario={"train": 3, "test": 1}, pairs=pairs)
    assert planned_clips(plan) == 8 + 3 * (4 + 3)


def test_a_config_of_pairs_keeps_the_fingerprint_of_its_former_name():
    """Suites and datasets of before are found by it."""
    pairs = {"editors": ["hidden_vanish"], "sets_per_editor": {"test": 1}}
    former = config(pairs=pairs).model_dump(mode="json", by_alias=True)
    assert "twins" in former
    assert "looks" in former["settings"]
    assert fingerprint(config(pairs=pairs)) == fingerprint(former)
    assert validate_config(BuildConfig, former, source="dataset.yaml", stored=True) == config(pairs=pairs)
    with pytest.raises(ConfigError, match="twins: this key was renamed; write pairs"):
        validate_config(BuildConfig, former, source="a.yaml")
