"""Which clips a batch holds."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from physics_data.core.errors import ConfigError, DataError
from worldsim.data.mixture import Mixture
from worldsim.data.sources import ShardSource, require_fit


@pytest.fixture
def sources(make_dataset: Callable[..., Path]) -> list[ShardSource]:
    return [
        ShardSource(make_dataset("physics", 7), "train", name="physics"),
        ShardSource(make_dataset("footage", 3, "footage"), "train", name="footage"),
        ShardSource(make_dataset("more", 4, "footage"), "train", name="more"),
    ]


def test_a_batch_depends_on_seed_and_step_alone(sources: list[ShardSource]) -> None:
    first = Mixture(sources, [2.0, 1.0, 1.0], seed=3)
    forwards = [first.batch(step, 5) for step in range(40)]
    second = Mixture(sources, [2.0, 1.0, 1.0], seed=3)
    backwards = [second.batch(step, 5) for step in reversed(range(40))][::-1]
    assert forwards == backwards
    assert forwards != [Mixture(sources, [2.0, 1.0, 1.0], seed=4).batch(step, 5) for step in range(40)]


@pytest.mark.parametrize("weights", [[1.0, 1.0, 1.0], [0.7, 0.2, 0.1], [5.0, 1.0, 94.0]])
def test_shares_follow_the_weights_at_every_moment(sources: list[ShardSource], weights: list[float]) -> None:
    mixture = Mixture(sources, weights, seed=0)
    counts: Counter[int] = Counter()
    for number in range(500):
        counts[mixture.draw(number)[0]] += 1
        for source, weight in enumerate(weights):
            assert abs(counts[source] - (number + 1) * weight / sum(weights)) <= len(weights) - 1
    assert mixture.seen(50, 10) == {source.name: counts[k] for k, source in enumerate(sources)}


def test_every_pass_shows_each_clip_once(sources: list[ShardSource]) -> None:
    mixture = Mixture(sources, [1.0, 1.0, 1.0], seed=0)
    drawn = [position for source, position in (mixture.draw(number) for number in range(3 * 7 * 5)) if source == 0]
    passes = [drawn[start : start + 7] for start in range(0, 35, 7)]
    assert all(sorted(one) == list(range(7)) for one in passes)
    assert len({tuple(one) for one in passes}) > 1


def test_two_sources_of_one_name_are_refused(sources: list[ShardSource]) -> None:
    with pytest.raises(ConfigError, match="set 'name'"):
        Mixture([sources[0], sources[0]], [1.0, 1.0], seed=0)


def test_memory_and_disk_give_the_same_clips(sources: list[ShardSource]) -> None:
    source = sources[0]
    from_disk = [source.load(position) for position in range(len(source))]
    source.load_into_memory()
    for position, clip in enumerate(from_disk):
        held = source.load(position)
        assert held.meta == clip.meta
        assert (held.rgb == clip.rgb).all()
        assert held.instance_ids is not None
        assert (held.instance_ids == clip.instance_ids).all()


def test_a_source_of_another_size_is_refused_from_the_index(sources: list[ShardSource]) -> None:
    with pytest.raises(DataError, match="5 frames of 16x16.*17 of 64x64"):
        require_fit(sources[0], num_frames=17, height=64, width=64)


def test_an_empty_split_is_refused(make_dataset: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="none in split 'test2'"):
        ShardSource(make_dataset("physics"), "test2", name="x")
