"""Words become scenes in which what they state happens, or one sentence says why not."""

import numpy as np
import pytest

from physics_data.engines import ENGINES
from physics_data.scenes.scene_file import load_scene
from physics_data.scenes.words.description import WordsError
from physics_data.scenes.words.direct import direct, mirrored, understood
from physics_data.scenes.words.grammar import parse
from physics_data.scenes.words.lexicon import LANGUAGES, language_of, lexicon, things

SAME = [
    ("A heavy red ball rolls off a table and knocks over three dominoes.",
     "무거운 빨간 공이 탁자에서 굴러 떨어져 도미노 세 개를 쓰러뜨린다."),
    ("A box is pushed by a rolling ball.", "굴러가는 공이 상자를 민다."),
    ("A white ball rolls behind a red box.", "하얀 공이 빨간 상자 뒤로 굴러간다."),
    ("A ball is thrown at a tower of four blocks.", "공을 블록 네 개로 된 탑에 던진다."),
]  # fmt: skip


@pytest.mark.parametrize(
    "words", ["My grandmother bakes bread", "Our teacher sings a song", "His dog chases a cat", "할머니가 빵을 굽는다"]
)
def test_what_no_scene_can_show_is_refused_with_what_it_can(words: str) -> None:
    with pytest.raises(WordsError, match="it can show"):
        direct(words)


def test_who_moves_may_be_left_out_in_korean() -> None:
    scene = direct("탁자에서 굴러떨어져 도미노 세 개를 넘어뜨린다")
    assert [finding.event.kind for finding in scene.events] == ["roll", "fall", "knock_over"]
    assert "what moves is not said: a ball" in scene.assumed
    masses = {body.name: body.mass for body in scene.spec.bodies if body.is_dynamic}
    assert masses["ball"] == 0.5 and masses["domino_1"] == 0.4


@pytest.mark.parametrize(("english", "korean"), SAME)
def test_both_languages_state_the_same(english: str, korean: str) -> None:
    first, second = parse(english), parse(korean)
    assert (first.language, second.language) == ("en", "ko")
    assert {str(event) for event in first.events} == {str(event) for event in second.events}
    named = [sorted((t.noun, t.count, *t.colors, t.weight or "") for t in story.things) for story in (first, second)]
    assert named[0] == named[1]


def test_events_occur_where_the_scene_file_says(tmp_path) -> None:
    scene = direct("a heavy red ball rolls off a table and knocks over three dominoes")
    assert [f.event.kind for f in scene.events] == ["roll", "fall", "knock_over"]
    times = [f.seconds for f in scene.events if f.seconds is not None]
    assert times == sorted(times)
    assert len(times) == 3
    scene.save(tmp_path / "scene.yaml")
    spec = load_scene(tmp_path / "scene.yaml").spec
    assert spec.bodies == scene.spec.bodies
    ball, table = (spec.body_index(name) for name in ("red_ball", "table"))
    # an oracle of its own: the ball starts above the table and ends on the floor, the dominoes lie flat
    path = ENGINES.get("mujoco")().simulate(spec).position
    assert path[0, ball, 2] > spec.bodies[table].position[2]
    assert path[-1, ball, 2] == pytest.approx(0.12, abs=0.02)
    assert path[-1, ball, 0] > 1.0
    assert all(path[-1, spec.body_index(f"domino_{k}"), 2] < 0.19 for k in (1, 2, 3))


def test_a_seed_gives_the_same_scene() -> None:
    assert (
        direct("a bottle is hit by a ball and falls over", seed=4).document
        == direct("a bottle is hit by a ball and falls over", seed=4).document
    )


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("a cat plays the piano", "'cat'"),
        ("고양이가 피아노를 친다", "'고양이가'"),
        ("A ball melts on the table.", "'melts'"),
        ("Love conquers everything", "nothing physical"),
        ("", "nothing physical"),
        ("A ball rolls through a wall.", "solid"),
    ],
)
def test_what_cannot_be_shown_is_named(words: str, named: str) -> None:
    with pytest.raises(WordsError, match=named) as error:
        understood(words)
    assert "it can show" in str(error.value)


def test_an_event_that_cannot_happen_is_named() -> None:
    with pytest.raises(WordsError, match="cannot make this happen.*roll: box"):
        direct("A box rolls.")


def test_slips_are_read_and_named() -> None:
    story = parse("a red blal fals on a bleu box")
    assert story.read_as == {"blal": "ball", "fals": "fall", "bleu": "blue"}
    assert [str(event) for event in story.events] == ["fall: red_ball", "hit: red_ball, blue_box"]
    assert parse("a shiny ball falls").unknown == ["shiny"]


def test_quantities_and_surroundings() -> None:
    story = parse("On the moon, a ball of 2 kg rolls at 3 m/s and hits a 500 g box, seen from above, in the dark.")
    assert [t.kilograms for t in story.things] == [2.0, 0.5]
    assert story.events[0].speed == 3.0
    assert (story.gravity, story.light, story.camera) == ("moon", "dark", ["above"])


def test_left_is_the_mirror_of_right() -> None:
    right, left = direct("a ball rolls to the right").spec, direct("a ball rolls to the left").spec
    ball = right.body_index("ball")
    assert left.bodies[ball].linear_velocity[0] == -right.bodies[ball].linear_velocity[0] < 0
    document = direct("a pendulum swings").document
    assert mirrored(mirrored(document)) == document


def test_the_camera_follows() -> None:
    spec = direct("The camera follows a green ball as it rolls down a long ramp.").spec
    assert len(spec.camera.path) > 3
    targets = np.array([key.target for key in spec.camera.path])
    assert targets[-1, 0] - targets[0, 0] > 1.0


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_table_of_words_is_whole(language: str) -> None:
    table = lexicon(language)
    nouns = {str(meaning).partition(".")[0] for meaning in table.words_for("things")}
    assert nouns == set(things())
    english = lexicon("en")
    for name in ("colors", "materials", "sizes", "masses", "speeds", "gravity", "light", "camera", "direction"):
        assert set(table.words_for(name)) == set(english.words_for(name)), name


def test_the_language_is_found() -> None:
    assert language_of("공이 떨어진다") == "ko"
    assert language_of("a ball falls") == "en"
