"""Prompts in any words become captions that a model was trained on, or are refused."""

import functools
from pathlib import Path

import numpy as np
import pytest

from worldsim.generator import VideoGenerator
from worldsim.prompt import PromptError, WordTokenizer
from worldsim.prompt.understanding import understand
from worldsim.weights import model_folder, vocabulary_of_model


@pytest.fixture(scope="module")
def words() -> WordTokenizer:
    return WordTokenizer(16, 512, **vocabulary_of_model(model_folder(Path("builtin:world"))))


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        ("a red ball falls", "a red ball falls"),
        ("", ""),
        ("a crimson sphere plummets", "a red ball falls onto the floor"),
        ("빨간 공이 바닥에 떨어진다", "a red ball falls onto the floor"),
        ("a huge yellow orb is tossed to the left", "a large yellow ball is thrown to the left"),
        ("파란 공이 왼쪽으로 던져진다", "a blue ball is thrown to the left"),
        ("the blue ball crashes into a green ball", "a blue ball rolls into a green ball"),
        ("two balls collide", "a ball and a ball roll into each other"),
        ("a red ball vanishes behind a wall", "a red ball passes behind a grey screen"),
        ("초록색 공이 경사면을 굴러 내려간다", "a green ball rolls down a brown ramp"),
        ("노란 진자가 흔들린다", "a yellow pendulum swings under a brown beam"),
        ("a red marble rolls down a slope", "a small red ball rolls down a brown ramp"),
    ],
)
def test_prompts_become_captions(words: WordTokenizer, prompt: str, told: str) -> None:
    assert understand(prompt, words).text == told
    assert not words.unknown([told])


@pytest.mark.parametrize(
    "prompt",
    ["a cat plays the piano", "My grandmother bakes bread", "a red cat falls", "a barrel rolls", "하늘이 맑다"],
)
def test_what_the_model_never_saw_is_refused(words: WordTokenizer, prompt: str) -> None:
    with pytest.raises(PromptError, match="was trained on the things ball, cylinder"):
        understand(prompt, words)


def test_what_is_not_told_is_said(words: WordTokenizer) -> None:
    said = " ".join(understand("a heavy purple ball falls and hits a box", words).remarks)
    assert "the model is told: a ball falls onto the floor" in said
    assert all(word in said for word in ("purple", "heavy", "box"))
    footage = WordTokenizer(16, 512, ["a", "dog", "runs", "on", "the", "beach"])
    kept = understand("a dog runs on the sunny beach", footage)
    assert kept.text == "a dog runs on the sunny beach" and "'sunny' is not a word" in kept.remarks[0]


def test_the_python_interface_understands_the_same() -> None:
    world = VideoGenerator.from_pretrained("builtin:world")
    draw = functools.partial(world, num_frames=5, height=32, width=32, num_inference_steps=1)
    with pytest.warns(UserWarning, match="told: a red ball falls onto the floor"):
        video = draw("a crimson sphere drops")
    assert video.prompt == "a crimson sphere drops"
    assert np.array_equal(video.frames, draw("a red ball falls onto the floor").frames)
    with pytest.raises(PromptError):
        draw("a cat plays the piano")
