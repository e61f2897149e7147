"""Batches made ahead are the same batches, in the same order, and faults surface at their step."""

import threading
import time

import pytest

from worldsim.data.prefetch import Prefetch


@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_steps_come_in_order_even_if_some_take_longer(ahead: int) -> None:
    def make(step: int) -> int:
        time.sleep(0.02 if step % 2 else 0.0)
        return step * step

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
        assert enough.wait(5)
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


def test_making_ahead_hides_the_time_of_making() -> None:
    def make(step: int) -> int:
        time.sleep(0.03)
        return step

    started = time.monotonic()
    with Prefetch(make, 0, 8, ahead=2) as batches:
        for step in range(8):
            batches.take(step)
            time.sleep(0.03)
    assert time.monotonic() - started < 8 * 0.06 - 0.06
