"""What draws of scenes tie together that physics does not, and that the wide layout has taken the ties apart."""

import numpy as np
import pytest

from physics_data.core.conventions import clip_generator
from physics_data.core.geometry import views_of
from physics_data.pipeline.statistics import MOST_CORRELATED, BiasReport, biases, dataset_clips, drawn_clips
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.shared.scenario import SceneSettings

DRAWS = 48


def report_of(name: str, **settings: object) -> BiasReport:
    drawn = SceneSettings.model_validate({"width": 32, "height": 32} | settings)
    (report,) = biases(drawn_clips(name, DRAWS, drawn))
    return report


def correlation(report: BiasReport, first: str, second: str) -> float:
    return report.correlations()[first, second]


@pytest.mark.parametrize("name", ["uniform_motion", "projectile"])
def test_where_a_body_starts_does_not_tell_where_it_goes(name):
    assert abs(correlation(report_of(name), "start_x", "velocity_x")) < 0.55
    assert correlation(report_of(name, layout="centred"), "start_x", "velocity_x") < -0.5


@pytest.mark.parametrize("name", ["collide", "collide_mass_ratio"])
def test_bodies_meet_anywhere_in_the_picture_at_any_time(name):
    report = report_of(name)
    contact_x, contact_time = report.values["contact_x"], report.values["contact_time"]
    assert np.ptp(contact_x) > 0.4 and contact_x.std() > 0.1
    assert np.ptp(contact_time) > 0.35 and contact_time.std() > 0.08
    assert correlation(report, "start_x", "velocity_x") > -0.75
    assert np.median(report.values["depth_motion"]) > 0.1
    assert report.values["area"].max() > 2.5 * report.values["area"].min()
    assert not report.constants()


@pytest.mark.parametrize(("name", "most"), [("billiards_break", 0.85), ("bowling", 0.75), ("tower_hit", 0.85)])
def test_what_hits_a_group_comes_from_many_places_and_directions(name, most):
    """Of the drawn scenes alone; a body that is to hit something in the picture starts on the side it comes from."""
    starts, velocities = [], []
    for index in range(200):
        spec = SCENARIOS.get(name)().sample(clip_generator(0, name, index), SceneSettings(), 0, index)
        body, view = spec.bodies[1], views_of(spec)[0]
        ends = [np.array(body.position) + seconds * np.array(body.linear_velocity) for seconds in (0.0, 0.04)]
        columns = [float(view.project(end)[0]) for end in ends]
        starts.append(columns[0])
        velocities.append(columns[1] - columns[0])
        assert -0.15 * spec.width < columns[0] < 1.15 * spec.width
    assert -most < np.corrcoef(starts, velocities)[0, 1] < 0.0
    assert np.ptp([start for start, velocity in zip(starts, velocities, strict=True) if velocity > 0.0]) > 0.3


def test_speeds_do_not_depend_on_the_length_of_the_clip():
    for name, most in (("collide", 1.15), ("collide_oblique", 1.15), ("uniform_motion", 1.15), ("look_away", 1.15)):
        speeds = {}
        for count in (17, 33):
            settings = SceneSettings(num_frames=count)
            drawn = [SCENARIOS.get(name)().sample(clip_generator(0, name, k), settings, 0, k) for k in range(DRAWS)]
            moving = [np.linalg.norm(spec.bodies[1].linear_velocity) for spec in drawn]
            speeds[count] = float(np.mean([speed for speed in moving if speed]))
        assert max(speeds.values()) < most * min(speeds.values()), name


def test_a_built_dataset_has_a_report_of_every_scenario(small):
    reports = biases(dataset_clips(small))
    assert [report.scenario for report in reports] == ["free_drop", "occluder_pass"]
    for report in reports:
        assert len(report.values["start_x"]) == 5
        assert (report.values["area"] > 0.005).all()


def test_a_centred_layout_is_flagged():
    report = report_of("collide", layout="centred")
    assert report.links()["start_x", "velocity_x"] < -MOST_CORRELATED
    assert {"contact_x", "depth_motion", "fov", "azimuth"} <= set(report.constants())
