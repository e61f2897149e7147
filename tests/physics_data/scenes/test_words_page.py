"""The sentences of docs/words.md make scenes."""

import re
from pathlib import Path

import pytest

from physics_data.scenes.words.direct import direct

PAGE = (Path(__file__).parents[3] / "docs" / "words.md").read_text(encoding="utf-8")
SENTENCES = re.findall(r"^- `([^`]+)`$", PAGE, re.MULTILINE)


def test_the_page_has_both_languages() -> None:
    assert sum(sentence.isascii() for sentence in SENTENCES) >= 5
    assert sum(not sentence.isascii() for sentence in SENTENCES) >= 5


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_sentence_of_the_page_is_understood_and_happens(sentence: str) -> None:
    scene = direct(sentence)
    assert scene.unknown == ()
    assert all(finding.holds for finding in scene.events)
    assert scene.events
