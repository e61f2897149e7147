"""Batches made ahead are the same batches, in the same order, and faults surface at their step."""

import threading

import pytest

from worldsim.data.loading import Prefetch


@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_steps_come_in_order_even_if_some_take_longer(ahead: int) -> None:
    def make(step: int) -> int:
        if ahead > 1 and step % 2 == 0 and step < 11:
            later[step + 1].wait()  # an even step ends after the odd one behind it
        later[step].set()
        return step * step

    later = [threading.Event() for _ in range(13)]
    with Prefetch(make, 4, 12, ahead) as batches:
        assert [batches.take(step) for step in range(4, 12)] == [step * step for step in range(4, 12)]


def test_no_more_than_asked_is_made_ahead_and_nothing_past_the_end() -> None:
    made: list[int] = []
    enough = threading.Event()

    def make(step: int) -> int:
        made.append(step)
        if len(made) == 2:
            enough.set()
        return step

    with Prefetch(make, 0, 3, ahead=2) as batches:
        enough.wait()
        assert sorted(made) == [0, 1]
        assert [batches.take(step) for step in range(3)] == [0, 1, 2]
    assert sorted(made) == [0, 1, 2]


def test_a_fault_is_raised_at_its_step_and_closing_waits_for_no_one() -> None:
    def make(step: int) -> int:
        if step == 2:
            raise ValueError("broken shard")
        return step

    with Prefetch(make, 0, 100, ahead=3) as batches:
        assert batches.take(0) == 0
        assert batches.take(1) == 1
        with pytest.raises(ValueError, match="broken shard"):
            batches.take(2)


def test_the_next_batches_are_made_while_one_is_used() -> None:
    """Batches 1 and 2 are waited for while batch 0 is in use: made in ``take``, they would never come."""
    made = [threading.Event() for _ in range(3)]

    def make(step: int) -> int:
        made[step].set()
        return step

    with Prefetch(make, 0, 3, ahead=2) as batches:
        assert batches.take(0) == 0
        for step in (1, 2):
            made[step].wait()
            assert batches.take(step) == step


def test_slow_steps_are_made_side_by_side() -> None:
    """Two steps that wait for one another: made one after the other, neither would end."""
    both = threading.Barrier(2)

    def make(step: int) -> int:
        both.wait()
        return step

    with Prefetch(make, 0, 2, ahead=2) as batches:
        assert [batches.take(step) for step in range(2)] == [0, 1]
