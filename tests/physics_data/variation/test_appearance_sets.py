"""The two sets of appearances have nothing in common, names stay true, and no look changes what happens."""

import itertools

import numpy as np
import pytest
from PIL import Image

from physics_data.core.errors import ConfigError
from physics_data.core.scene import Appearance
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.shared.scenario import SceneSettings
from physics_data.variation import appearance, lighting
from physics_data.variation.appearance import sample_appearances, sample_floor, sample_prop
from physics_data.variation.cameras import sample_camera
from physics_data.variation.colors import COLORS, FLOORS, SCREEN
from physics_data.variation.lighting import sample_lighting, sample_sensor

LOOKS = ("plain", "varied", "held_out")


def settings(name: str, **changes: object) -> SceneSettings:
    return SceneSettings(appearance=name, **changes)


def everything(seed: int, name: str, **changes: object) -> tuple:
    rng, chosen = np.random.default_rng(seed), settings(name, **changes)
    drawn = sample_appearances(rng, chosen, 2), sample_prop(rng, chosen), sample_floor(rng, chosen)
    return (*drawn, sample_camera(rng, chosen), sample_lighting(rng, chosen), sample_sensor(rng, chosen), rng.random())


def intervals_of(one_set: object) -> dict[str, list[appearance.Interval]]:
    found: dict[str, list[appearance.Interval]] = {}
    for name, value in one_set._asdict().items():  # type: ignore[attr-defined]
        if isinstance(value, appearance.Interval):
            found[name] = [value]
        elif name == "exposure":
            found[name] = list(value)
    return found


@pytest.mark.parametrize("module", [appearance, lighting])
def test_intervals_of_the_two_sets_do_not_meet(module) -> None:
    first, second = (intervals_of(module.SETS[name]) for name in ("varied", "held_out"))
    assert first.keys() == second.keys() and len(first) >= 7
    for name in first:
        for one, other in itertools.product(first[name], second[name]):
            assert one.low < one.high and other.low < other.high
            assert one.high <= other.low or other.high <= one.low, f"{name}: {one} and {other}"


def test_the_two_sets_share_no_pattern_floor_or_sky() -> None:
    varied, held_out = appearance.SETS["varied"], appearance.SETS["held_out"]
    assert {rule.pattern for rule in varied.patterns}.isdisjoint(rule.pattern for rule in held_out.patterns)
    assert set(varied.floor_patterns).isdisjoint(held_out.floor_patterns)
    assert varied.floors.keys().isdisjoint(held_out.floors)
    assert set(varied.floors.values()).isdisjoint(held_out.floors.values())
    first, second = (lighting.SETS[name].skies for name in ("varied", "held_out"))
    assert first.keys().isdisjoint(second) and set(first.values()).isdisjoint(second.values())


def test_what_is_drawn_shows_the_two_sets_apart() -> None:
    drawn = {name: [everything(seed, name) for seed in range(150)] for name in ("varied", "held_out")}
    patterns = {name: {look.pattern for one in drawn[name] for look in (*one[0], one[1])} for name in drawn}
    assert patterns == {
        "varied": {"plain", "checker", "stripes", "wood", "noise"},
        "held_out": {"dots", "marble"},
    }
    for place, read in ((2, lambda floor: floor.color_name), (4, lambda light: light.sky_zenith)):
        first, second = ({read(one[place]) for one in drawn[name]} for name in drawn)
        assert first.isdisjoint(second)
        assert len(first) >= 4 and len(second) >= 4
    suns = {name: np.array([one[4].sun_direction for one in drawn[name]]) for name in drawn}
    assert (suns["varied"][:, 2] > 0.66).all() and (suns["held_out"][:, 2] < 0.65).all()


def test_looks_that_are_plain_are_those_of_the_plain_functions() -> None:
    drawn = everything(4, "plain")
    assert all(look == Appearance(color_name=look.color_name, albedo=COLORS[look.color_name]) for look in drawn[0])
    assert drawn[1] == SCREEN and drawn[2] in FLOORS.values()
    assert drawn[5].grain == drawn[5].exposure == 0


@pytest.mark.parametrize("seed", range(5))
def test_draws_of_physics_do_not_depend_on_looks_or_camera(seed) -> None:
    motions = ("fixed", "orbit", "pan", "look_away", "handheld")
    drawn = [everything(seed, name, camera_motion=motion) for name in LOOKS for motion in motions]
    assert len({one[-1] for one in drawn}) == 1, "what is drawn next is the same"
    for one in drawn:
        assert [look.color_name for look in one[0]] == [look.color_name for look in drawn[0][0]]
    cameras = {motion: {everything(seed, name, camera_motion=motion)[3] for name in LOOKS} for motion in motions}
    assert all(len(chosen) == 1 for chosen in cameras.values())


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_a_scene_is_the_same_but_for_its_looks(scenario) -> None:
    def physics(name: str, motion: str) -> dict:
        sampler = SCENARIOS.get(scenario)()
        chosen = settings(name, camera_motion=motion)
        spec = sampler.sample(np.random.default_rng(11), chosen, 0, 0)
        dumped = spec.model_dump(exclude={"camera", "lighting", "sensor"})
        for body in dumped["bodies"]:
            del body["appearance"]
        return dumped | {"caption": sampler.caption(spec)}

    expected = physics("plain", "fixed")
    assert all(physics(name, motion) == expected for name in LOOKS for motion in ("fixed", "orbit"))


@pytest.mark.parametrize("name", ["varied", "held_out"])
def test_a_named_colour_stays_nearest_to_its_own_name(name) -> None:
    """In hue and saturation; black and white, which have none, in lightness."""
    hues = {color: np.array(albedo) / max(albedo) for color, albedo in COLORS.items() if np.ptp(albedo) > 0.1}
    rng, chosen = np.random.default_rng(0), settings(name, palette=tuple(COLORS))
    for _ in range(150):
        for look in sample_appearances(rng, chosen, 3):
            albedo = np.array(look.albedo)
            if look.color_name in hues:
                distances = {color: np.linalg.norm(albedo / albedo.max() - hue) for color, hue in hues.items()}
                assert min(distances, key=distances.__getitem__) == look.color_name
            else:
                assert (albedo > 0.55).all() if look.color_name == "white" else (albedo < 0.1).all()


@pytest.mark.parametrize("name", ["varied", "held_out"])
def test_floors_are_muted(name) -> None:
    for seed in range(60):
        floor = sample_floor(np.random.default_rng(seed), settings(name))
        assert np.ptp(floor.albedo) < 0.32 and np.ptp(floor.second_albedo) < 0.3
        assert max(floor.albedo) < 0.7


def test_pictures_of_a_folder_are_split_between_the_sets(tmp_path) -> None:
    for index in range(12):
        Image.new("RGB", (4, 4), (index, 0, 0)).save(tmp_path / f"picture{index}.png")
    (tmp_path / "notes.txt").write_text("not a picture")
    found = {}
    for name in ("varied", "held_out"):
        drawn = [everything(seed, name, textures=str(tmp_path)) for seed in range(120)]
        found[name] = {one[2].image.file for one in drawn if one[2].image} | {
            one[4].backdrop.file for one in drawn if one[4].backdrop
        }
    assert found["varied"] and found["held_out"] and found["varied"].isdisjoint(found["held_out"])
    assert len(found["varied"] | found["held_out"]) == 12


def test_a_missing_or_empty_folder_of_pictures_is_refused(tmp_path) -> None:
    with pytest.raises(ConfigError, match="there is no folder"):
        sample_floor(np.random.default_rng(0), settings("varied", textures=str(tmp_path / "none")))
    with pytest.raises(ConfigError, match="of the 0 pictures"):
        sample_floor(np.random.default_rng(0), settings("varied", textures=str(tmp_path)))
