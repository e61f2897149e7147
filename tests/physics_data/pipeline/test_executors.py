"""Workers that die lose nothing; a mistake in the work is told at once."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from physics_data.core.errors import ConfigError, EngineError, SceneSpecError
from physics_data.pipeline import executors
from physics_data.pipeline.executors import run_work

NAMES = ["a", "b", "c", "d"]


@dataclass(frozen=True)
class Fragile:
    """Work that kills its own process the first ``deaths`` times that it comes to shard "b"."""

    folder: Path
    deaths: int

    def __call__(self, name, on_clip):
        on_clip()
        if name == "b":
            with open(self.folder / "attempts", "a") as file:
                file.write(f"{os.getpid()}\n")
            if len((self.folder / "attempts").read_text().split()) <= self.deaths:
                os.kill(os.getpid(), signal.SIGKILL)
        on_clip()
        return {"rows": [name, name], "name": name}


class Broken:
    """Work that no shard survives: which one fails first is the scheduler's."""

    def __call__(self, name, on_clip):
        raise SceneSpecError(f"shard {name} cannot be made")


def collect(work, workers, executor="local"):
    ticks = []
    made = dict(run_work(executor, work, NAMES, workers, ticks.append))
    return made, sum(ticks)


@pytest.mark.parametrize(("workers", "deaths"), [(1, 0), (2, 0), (2, 1)])
def test_all_is_made_whoever_dies(tmp_path, workers, deaths):
    made, ticks = collect(Fragile(tmp_path, deaths), workers)
    assert sorted(made) == NAMES
    assert all(manifest["name"] == name for name, manifest in made.items())
    assert ticks == 8, "every clip is counted once, also those that a dead worker had counted"
    attempts = (tmp_path / "attempts").read_text().split()
    assert len(attempts) == deaths + 1
    assert (str(os.getpid()) in attempts) == (workers == 1)


def test_workers_that_keep_dying_are_given_up_with_advice(tmp_path):
    with pytest.raises(EngineError, match=r"died 3 times in a row.*same command again, with fewer --workers"):
        collect(Fragile(tmp_path, 99), 2)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_mistake_in_the_work_is_told_as_it_is(workers):
    with pytest.raises(SceneSpecError, match="^shard [abcd] cannot be made$"):
        collect(Broken(), workers)


def test_ray_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install 'worldsim\[ray\]'"):
        list(executors.run_work("ray", Broken(), NAMES, 2, lambda count: None))
