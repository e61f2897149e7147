"""Best of N: the judge sees what breaks, refuses to reward stillness, and its answers are checked."""

import numpy as np
import pytest

from physics_data.core.errors import ConfigError
from worldsim.rewards.best_of import best_of, named_judge, plausibility
from worldsim.rewards.reward import RewardError


def rolling(num_frames: int = 24, *, gone_from: int | None = None, step: float = 2.0) -> np.ndarray:
    """A disc that moves evenly over a grey wall, until it is gone."""
    yy, xx = np.mgrid[:64, :96]
    video = np.full((num_frames, 64, 96, 3), (110, 120, 130), np.uint8)
    for frame in range(num_frames):
        if gone_from is None or frame < gone_from:
            video[frame, (xx - 15 - step * frame) ** 2 + (yy - 32) ** 2 < 64] = (210, 40, 30)
    return video


def test_the_lawful_video_is_kept():
    videos = {3: rolling(gone_from=10), 4: rolling(), 5: rolling(step=0.0)}
    chosen = best_of(videos.__getitem__, (3, 4, 5), named_judge("audit"), 16.0)
    assert chosen.seed == 4
    assert np.array_equal(chosen.rgb, videos[4])
    assert chosen.values[4] > 0.9 > 0.3 > chosen.values[3]
    assert chosen.values[5] == 0.0, "a still video must not pay"


def test_of_equal_values_the_first_is_kept():
    assert best_of(lambda seed: rolling(8), (7, 1), lambda *_: 0.5, 16.0).seed == 7


@pytest.mark.parametrize("value", [float("nan"), 1.5, np.zeros(2)])
def test_a_wrong_value_is_named_with_its_seed(value):
    with pytest.raises(RewardError, match="seed 9"):
        best_of(lambda seed: rolling(8), (9,), lambda *_: value, 16.0)


def test_unknown_judges_say_what_there_is():
    with pytest.raises(ConfigError, match="audit, a folder"):
        named_judge("permanence")
    with pytest.raises(ConfigError, match="cannot be imported"):
        named_judge("no_such_module:judge")
    assert named_judge("worldsim.rewards.best_of:plausibility") is plausibility
