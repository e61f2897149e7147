"""A reward learned from votes comes close to the best possible accuracy, and trains a generator by its path."""

from pathlib import Path

import numpy as np
import pytest

from physics_data.core.errors import CheckpointError, ConfigError, DataError
from physics_data.core.video import write_video
from worldsim.rewards.preference_model import PreferenceModel, fit_preferences
from worldsim.rewards.reward import RewardSum, RewardTerm
from worldsim.rewards.votes import Vote


def videos(folder: Path, count: int) -> tuple[list[str], np.ndarray]:
    """Write videos of a disc that may vanish half way; people like it the longer it stays."""
    drawn = np.random.default_rng(0)
    files, taste = [], []
    rows, columns = np.mgrid[:32, :32]
    for number in range(count):
        stays, radius = int(drawn.integers(1, 10)), drawn.uniform(4, 7)
        x, y, speed = drawn.uniform(8, 16), drawn.uniform(10, 22), drawn.uniform(0, 1.2)
        rgb = np.full((9, 32, 32, 3), drawn.integers(90, 170), dtype=np.uint8)
        for frame in range(stays):
            rgb[frame][np.hypot(rows - y, columns - x - speed * frame) < radius] = (220, 40, 40)
        file = folder / f"{number}.mp4"
        write_video(file, rgb, 16.0)
        files.append(str(file))
        taste.append(stays / 2)
    return files, np.array(taste)


def simulated_votes(files: list[str], taste: np.ndarray, voters: int, each: int) -> tuple[list[Vote], list[bool]]:
    """Return votes of simulated people, and whether each agrees with the taste that all share."""
    drawn, votes, agrees = np.random.default_rng(1), [], []
    for voter in range(voters):
        for _ in range(each):
            prompt = int(drawn.integers(0, len(files) // 4))
            a, b = (4 * prompt + drawn.permutation(4)[:2]).tolist()
            left = drawn.random() < 1 / (1 + np.exp(taste[b] - taste[a]))
            choice = "left" if left else "right"
            votes.append(Vote(f"v{voter}", 0.0, f"p{prompt}", "permanence", "m1", "m2", choice, files[a], files[b]))
            agrees.append(bool(taste[a] > taste[b]) == left if taste[a] != taste[b] else drawn.random() < 0.5)
    return votes, agrees


def test_a_learned_reward_is_nearly_as_good_as_the_taste_itself(tmp_path: Path) -> None:
    files, taste = videos(tmp_path, 120)
    votes, agrees = simulated_votes(files, taste, voters=300, each=6)
    report = fit_preferences(votes, tmp_path / "model", num_steps=150)
    assert report.held_out_votes > 200
    best = float(np.mean(agrees))
    assert report.accuracy >= 0.9 * best, (report, best)
    model = PreferenceModel.load(tmp_path / "model")
    scores = model.scores([np.zeros((9, 32, 32, 3), np.uint8)])
    assert scores.shape == (1,) and np.isfinite(scores).all()
    reward = RewardSum({str(tmp_path / "model"): RewardTerm()})
    assert reward.measures == frozenset()
    weights = tmp_path / "model" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(CheckpointError, match="truncated"):
        PreferenceModel.load(tmp_path / "model")
    with pytest.raises(ConfigError):
        RewardSum({})


def test_votes_that_teach_nothing_are_refused(tmp_path: Path) -> None:
    vote = Vote("v", 0.0, "p", "q", "a", "b", "left")
    with pytest.raises(DataError, match="0 of 40 votes are decided and name both files"):
        fit_preferences([vote] * 40, tmp_path / "model")
    named = [Vote("v", 0.0, f"p{n % 2}", "q", "a", "b", "left", "gone.mp4", "gone2.mp4") for n in range(40)]
    with pytest.raises(DataError, match="gone.mp4, which is not there"):
        fit_preferences(named, tmp_path / "model")
