from pathlib import Path

import pytest

from physics_data.core.errors import ConfigError
from worldsim.prompt import PromptError, WordTokenizer
from worldsim.prompt.tokenizer import vocabulary_of
from worldsim.weights import model_folder, vocabulary_of_model


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


WORDS = ("a", "ball", "falls", "red", "blue", "rolls")


def test_words_of_a_vocabulary_never_share_an_id() -> None:
    full = WordTokenizer(8, len(WORDS) + 1, WORDS)
    assert sorted(full.bucket(word) for word in WORDS) == list(range(1, len(WORDS) + 1))
    assert full.collisions(WORDS) == []
    small = WordTokenizer(8, len(WORDS) - 1, WORDS)  # the first four have ids of their own, the others share
    assert len({small.bucket(word) for word in WORDS[:4]}) == 4
    assert {"blue", "rolls"} <= set().union(*small.collisions(WORDS))


def test_a_longer_vocabulary_keeps_the_ids_of_the_shorter() -> None:
    longer = vocabulary_of(["a red ball bounces", "a ball bounces"], WORDS)
    assert longer == (*WORDS, "bounces")
    old, new = WordTokenizer(8, 64, WORDS), WordTokenizer(8, 64, longer)
    assert all(old.bucket(word) == new.bucket(word) for word in WORDS)


def test_unknown_words_are_left_out_and_named_with_the_nearest() -> None:
    tokenizer = WordTokenizer(8, 64, WORDS)
    ids, mask = tokenizer.encode(["a purple ball fals", "a ball"])
    assert ids[0].tolist() == ids[1].tolist() and mask[0].sum() == 2
    assert tokenizer.remarks("a purple ball fals") == [
        "'purple' is not a word that the model was trained on, and is left out.",
        "'fals' is not a word that the model was trained on, and is left out; the nearest it knows: falls, ball.",
    ]
    assert tokenizer.remarks("A red ball!") == tokenizer.remarks("") == []


@pytest.mark.parametrize("prompt", ["一个红色的球从桌子上掉下来", "🔴⚽", "ein roter Ballon", "..."])
def test_a_prompt_without_a_known_word_is_refused(prompt: str) -> None:
    with pytest.raises(PromptError, match="no word that the model knows"):
        WordTokenizer(8, 64, WORDS).remarks(prompt)


def test_words_that_share_an_id_are_said() -> None:
    """ "black" and "falling" have one hash in 512."""
    hashed = WordTokenizer(8, 512, ("a", "ball", "black", "falling"), hashed=True)
    assert hashed.remarks("a black ball") == ["the model cannot tell 'black' from 'falling': they share an id."]
    assert WordTokenizer(8, 512, hashed.vocabulary).remarks("a black ball") == []


def test_the_built_in_model_says_what_it_knows() -> None:
    folder = model_folder(Path("builtin:world"))
    tokenizer = WordTokenizer(16, 512, **vocabulary_of_model(folder))
    assert tokenizer.vocabulary is not None and len(tokenizer.vocabulary) == 40
    assert tokenizer.collisions(tokenizer.vocabulary) == [{"into", "roll"}]
    assert tokenizer.remarks("a large red ball falls onto the floor") == []
    assert "'black' is not a word" in tokenizer.remarks("a black ball rolls")[0]


def test_impossible_tokenizers_are_refused() -> None:
    with pytest.raises(ConfigError, match="max_words"):
        WordTokenizer(0, 512)
