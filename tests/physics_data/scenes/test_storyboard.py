"""Films of several shots: bodies, states and labels hold across cuts."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from physics_data.core.errors import ConfigError
from physics_data.scenes.words.storyboard import make_film

BALL = {"sphere": 0.1, "color": "red", "position": [0, 0, 2.0], "velocity": [1.0, 0, 0]}


def written(folder: Path, shots: list[dict]) -> Path:
    scene = {
        "duration": 0.25,
        "bodies": {"ball": BALL, "wall": {"box": [0.1, 1, 1], "static": True, "position": [2, 0, 0.5]}},
    }
    (folder / "scene.yaml").write_text(yaml.safe_dump(scene))
    other = {
        "duration": 0.25,
        "bodies": {"box": {"box": 0.2, "color": "blue"}, "ball": {"sphere": 0.1, "position": [1, 0, 0.5]}},
    }
    (folder / "other.yaml").write_text(yaml.safe_dump(other))
    (folder / "story.yaml").write_text(yaml.safe_dump({"size": [64, 36], "shots": shots}))
    return folder / "story.yaml"


def test_states_and_labels_hold_across_cuts(tmp_path: Path) -> None:
    side = {"position": [0.5, -4.0, 1.2], "target": [0.5, 0, 1.0]}
    shots = [{"scene": "scene.yaml"}, {"continues": True, "duration": 0.25, "camera": side}, {"scene": "other.yaml"}]
    film = make_film(written(tmp_path, shots))
    assert film.cuts == (5, 10)
    assert film.rgb.shape == (15, 36, 64, 3)
    assert film.labels == {"ball": 1, "wall": 2, "box": 3}
    first, second, third = (clip.labelled for clip in film.clips)
    # free fall through the cut: x = t, z = 2 - g t^2 / 2 at t = 0.5 s, of which the cut lies in the middle
    end = second[2].position[-1, second[0].body_index("ball")]
    np.testing.assert_allclose(end, [0.5, 0.0, 2.0 - 9.81 * 0.5**2 / 2], atol=2e-3)
    assert second[0].camera.position == (0.5, -4.0, 1.2)
    balls = [spec.bodies[spec.body_index("ball")] for spec, *_ in (first, second, third)]
    assert {ball.appearance.color_name for ball in balls} == {"red"}
    # the ball is the second body of the last scene, and still label 1 of the film
    assert 1 in film.instance_ids[-1]
    assert 3 in film.instance_ids[-1]
    film.save_labels(tmp_path / "labels.npz")
    stored = np.load(tmp_path / "labels.npz")
    assert stored["names"].tolist() == ["ball", "wall", "box"]
    assert stored["shot"].tolist() == [0] * 5 + [1] * 5 + [2] * 5


@pytest.mark.parametrize(
    ("shots", "message"),
    [
        ([{"continues": True}], "none before it"),
        ([{"scene": "scenes.yaml"}], "Did you mean 'scene.yaml'"),
        ([{"words": "a ball falls", "scene": "scene.yaml"}], "exactly one"),
        ([{"scene": "scene.yaml", "lens": 3}], "story.yaml:"),
        ([{"scene": "scene.yaml"}, {"words": "a big ball falls"}], "another shape"),
        ([{"scene": "scene.yaml", "duration": 9}], "lasts 0.25 s"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, shots: list[dict], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_film(written(tmp_path, shots))
