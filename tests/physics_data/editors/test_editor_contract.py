"""Every editor of the table: what its sets are made of, and how its severity and residuals behave."""

import numpy as np
import pytest

from physics_data.core.clip import Clip, PairInfo
from physics_data.core.conventions import clip_generator
from physics_data.core.errors import ClipRejectedError, ConfigError, UnknownNameError
from physics_data.core.shards import decode_clip, encode_clip
from physics_data.editors import EDITORS
from physics_data.editors.editor import Break, Editor, Switch, World
from physics_data.editors.motions import subject
from physics_data.editors.residuals import switch_residuals
from physics_data.engines import ENGINES
from physics_data.pipeline.label_checks import check_labels
from physics_data.pipeline.pairs import PairTask, make_pairs
from physics_data.pipeline.splice import same_frames
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.shared.scenario import SceneSettings
from tests.physics_data.editors.conftest import SMALL, pairs_of

ROLES = {True: ("AA", "BB", "AB", "BA"), False: ("possible", "impossible", "control")}

MAIN_RESIDUAL = {
    "vanish": "mass_change_kg",
    "appear": "mass_change_kg",
    "duplicate": "mass_change_kg",
    "shape_swap": "shape_change_relative",
    "color_swap": "color_change",
    "size_swap": "volume_change_relative",
    "texture_swap": "texture_change",
    "teleport": "position_jump_m",
    "path_gap": "position_jump_m",
    "freeze_off_screen": "position_jump_m",
    "reset_on_return": "position_jump_m",
    "pass_through": "overlap_m",
    "block_without_cause": "velocity_jump_m_per_s",
    "float": "acceleration_error_m_per_s2",
    "wrong_g": "acceleration_error_m_per_s2",
    "no_support_needed": "acceleration_error_m_per_s2",
    "sudden_turn": "velocity_jump_m_per_s",
    "sudden_stop": "velocity_jump_m_per_s",
    "spontaneous_start": "velocity_jump_m_per_s",
    "wrong_bounce": "momentum_jump_kg_m_per_s",
    "energy_gain": "energy_gain_J",
    "momentum_not_conserved": "momentum_jump_kg_m_per_s",
    "action_without_contact": "gap_m",
    "friction_sign": "energy_gain_J",
    "time_reversal": "energy_gain_J",
}


@pytest.fixture(params=list(EDITORS))
def name(request) -> str:
    return request.param


def editor_of(name: str) -> Editor:
    return EDITORS.get(name)()


def info_of(clip: Clip) -> PairInfo:
    assert clip.meta.pair is not None
    return clip.meta.pair


def drawn(scenario: str, index: int, settings: SceneSettings = SMALL) -> World:
    spec = SCENARIOS.get(scenario)().sample(clip_generator(0, scenario, index), settings, 0, index)
    return World(spec, ENGINES.get("mujoco")().simulate(spec))


def worlds_for(name: str):
    """Yield motions that an editor accepts."""
    for index in range(40):
        for scenario in editor_of(name).info.scenarios:
            world = drawn(scenario, index)
            if editor_of(name).applies_to(world) is None:
                yield world


def residuals_of(edited: Switch | Break) -> dict[str, float]:
    if isinstance(edited, Break):
        return edited.residuals
    return switch_residuals(edited.first, edited.second, edited.first.spec.num_frames // 2)


def test_its_record_says_what_it_breaks(name):
    info = editor_of(name).info
    assert info.name == name
    assert info.law
    assert "residual" in info.severity
    assert info.matched
    assert all(scenario in SCENARIOS for scenario in info.scenarios)
    assert (EDITORS.get(name).__doc__ or "").strip()


def test_a_set_is_complete_and_its_labels_agree(name):
    clips, info = pairs_of(name), editor_of(name).info
    set_id = f"{name}-mujoco-0000000"
    assert tuple(info_of(clip).role for clip in clips) == ROLES[info.is_switch]
    assert {clip.meta.key for clip in clips} == {f"{set_id}-{letter}" for letter in "abcd"[: len(clips)]}
    assert len({len(encode_clip(clip)["json"]) for clip in clips}) == 1, "the length of the record tells nothing"
    assert len({clip.meta.caption for clip in clips}) == 1
    assert {clip.meta.captions for clip in clips} == {None}
    assert {clip.meta.split for clip in clips} == {"train"}
    for clip in clips:
        pair, spec = info_of(clip), clip.meta.spec
        assert (pair.set_id, pair.editor, pair.is_hidden) == (set_id, name, info.is_hidden)
        assert spec is not None and spec.scenario in info.scenarios
        assert pair.is_possible == (pair.role in ("AA", "BB", "possible", "control"))
        assert pair.is_possible == (pair.violation_seconds is None)
        assert pair.severity == (0.0 if pair.is_possible else 0.8)
        assert all(value == 0.0 for value in pair.residuals.values()) == pair.is_possible
        if pair.violation_seconds is not None:
            start, end = pair.violation_seconds
            assert 0.0 <= start <= end <= spec.seconds[-1]
    names = [[body.name for body in clip.labelled[0].bodies] for clip in clips]
    assert all(each == names[0] for each in names)


def test_the_labels_of_every_clip_agree_with_its_pixels_and_motion(name):
    for clip in pairs_of(name):
        stored = decode_clip(encode_clip(clip))
        assert stored.meta == clip.meta
        found = {check: problems for check, problems in check_labels(stored).items() if problems}
        assert not found, clip.meta.key


def test_equal_tasks_give_equal_bytes(name):
    once = pairs_of(name)
    pairs_of.cache_clear()
    for clip, again in zip(once, pairs_of(name), strict=True):
        assert encode_clip(clip) == encode_clip(again)


def test_without_severity_all_can_happen(name):
    clips = {info_of(clip).role: clip for clip in pairs_of(name, severity=0.0)}
    for clip in clips.values():
        assert info_of(clip).is_possible
        assert not any(info_of(clip).residuals.values())
    pair = ("AA", "AB") if "AA" in clips else ("possible", "impossible")
    first, second = (clips[role] for role in pair)
    assert np.array_equal(first.rgb, second.rgb)
    for field in ("position", "orientation", "linear_velocity", "angular_velocity"):
        assert np.array_equal(getattr(first.trajectory, field), getattr(second.trajectory, field))


def test_an_impossible_quadruplet_consists_of_the_possible_frames(name):
    if not editor_of(name).info.is_switch:
        return
    clips = {info_of(clip).role: clip for clip in pairs_of(name)}
    switch = info_of(clips["AB"]).switch_frame
    assert switch is not None and info_of(clips["BA"]).switch_frame == switch
    for role in ("AB", "BA"):
        first, second = clips[role[0] * 2], clips[role[1] * 2]
        assert np.array_equal(clips[role].rgb, np.concatenate([first.rgb[:switch], second.rgb[switch:]]))
        assert clips[role].meta.spec_at(0) == first.meta.spec
        assert clips[role].meta.spec_at(switch).bodies == second.labelled[0].bodies
        # Each half shows that there are two worlds.
        assert not np.array_equal(first.rgb[:switch], second.rgb[:switch])
        assert not np.array_equal(first.rgb[switch:], second.rgb[switch:])


def test_what_is_hidden_leaves_no_trace(name):
    if not editor_of(name).info.is_hidden:
        return
    clips = {info_of(clip).role: clip for clip in pairs_of(name)}
    first, second = clips["AA"].labelled, clips["BB"].labelled
    seconds = info_of(clips["AB"]).violation_seconds
    assert seconds is not None
    span = slice(*(round(time * first[0].frame_rate) + extra for time, extra in zip(seconds, (0, 1), strict=True)))
    assert same_frames(first[1], second[1])[span].all()
    moving = subject(first[0])
    assert moving is not None
    # Only the copy differs between one ball and two.
    other = "copy" if name == "hidden_duplicate" else moving.name
    number = [body.name for body in first[0].instances].index(other) + 1
    for _, rendering, _ in (first, second):
        assert not (rendering.instance_ids[span] == number).any()


def test_a_larger_severity_is_a_larger_violation(name):
    law = MAIN_RESIDUAL[name.removeprefix("hidden_")]
    for world in worlds_for(name):
        measured = []
        try:
            for severity in (0.25, 0.6, 1.0):
                edited = editor_of(name).edit(
                    world, severity, np.random.default_rng(5), ENGINES.get("mujoco")().simulate
                )
                measured.append(residuals_of(edited)[law])
        except ClipRejectedError:
            continue
        assert measured[0] > 0
        assert measured[0] < measured[1] < measured[2]
        return
    raise AssertionError("no motion could be edited at all three severities")


def test_it_says_why_it_does_not_apply(name):
    assert editor_of(name).applies_to(drawn("newton_cradle", 0))


def test_a_set_for_which_there_is_no_room_is_refused(monkeypatch):
    monkeypatch.setattr("physics_data.pipeline.pairs.MAX_DRAWS", 3)
    short = SMALL.model_copy(update={"num_frames": 2})
    with pytest.raises(ClipRejectedError, match="all 3 draws of 'path_gap-mujoco-0000000' were refused"):
        make_pairs(PairTask("path_gap", "mujoco", 0), short, 0, "raycast")


def test_tasks_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match="severity=2"):
        make_pairs(PairTask("vanish", "mujoco", 0, severity=2.0), SMALL, 0, "raycast")
    with pytest.raises(ConfigError, match="write one of uniform_motion, projectile, free_drop"):
        make_pairs(PairTask("vanish", "mujoco", 0, scenario="domino_chain"), SMALL, 0, "raycast")
    with pytest.raises(UnknownNameError, match="Did you mean 'vanish'"):
        make_pairs(PairTask("vanishes", "mujoco", 0), SMALL, 0, "raycast")


def test_keys_and_their_order_say_nothing_of_the_roles():
    """Over many sets every role comes with every letter; equal tasks keep theirs."""
    letters: dict[str, list[str]] = {}
    for index in range(24):
        for clip in make_pairs(PairTask("color_swap", "mujoco", index), SMALL, 0, "raycast"):
            letters.setdefault(info_of(clip).role, []).append(clip.meta.key[-1])
    for role, found in letters.items():
        assert set(found) == set("abcd"), role
        assert max(found.count(letter) for letter in "abcd") <= 14, f"{role}: {found}"


def test_the_scenario_may_be_chosen():
    task = PairTask("vanish", "bullet", 3, scenario="projectile")
    clips = make_pairs(task, SMALL, 0, "raycast")
    assert {clip.meta.key[:-1] for clip in clips} == {"vanish-projectile-bullet-0000003-"}
    assert {clip.labelled[0].scenario for clip in clips} == {"projectile"}
