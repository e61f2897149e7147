import pytest

from physics_data.core.errors import ConfigError
from worldsim.prompt import PromptError, WordTokenizer


def test_ids_are_the_same_everywhere() -> None:
    """0xCBF43926 is the published check value of CRC-32 for these nine digits."""
    assert WordTokenizer(4, 512).bucket("123456789") == 1 + 0xCBF43926 % 511


def test_case_and_punctuation_do_not_matter() -> None:
    tokenizer = WordTokenizer(8, 512)
    ids, mask = tokenizer.encode(["A red ball, falls.", "a RED ball falls"])
    assert ids[0].tolist() == ids[1].tolist()
    assert mask.sum(dim=1).tolist() == [4, 4]
    assert ids[0, 4:].tolist() == [0] * 4


def test_order_matters_and_words_differ() -> None:
    ids, _ = WordTokenizer(4, 512).encode(["red hits blue", "blue hits red"])
    assert ids[0].tolist() != ids[1].tolist()
    assert sorted(ids[0].tolist()) == sorted(ids[1].tolist())


def test_no_words_is_an_empty_mask() -> None:
    _, mask = WordTokenizer(4, 512).encode(["", " ... "])
    assert not mask.any()


def test_too_many_words_are_refused() -> None:
    with pytest.raises(PromptError, match="has 5 words, the model reads at most 3; leave out 2"):
        WordTokenizer(3, 512).encode(["one two three four five"])


def test_collisions_are_found() -> None:
    crowded = WordTokenizer(4, 2)
    assert crowded.collisions(["a red ball", "a ball"]) == [{"a", "red", "ball"}]
    assert WordTokenizer(4, 4096).collisions(["a red ball"]) == []


def test_impossible_tokenizers_are_refused() -> None:
    with pytest.raises(ConfigError, match="max_words"):
        WordTokenizer(0, 512)
