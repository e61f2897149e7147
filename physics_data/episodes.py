"""Datasets of episodes: what an agent does in a scene, with its pushes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from physics_data.core.arguments import checked_arguments
from physics_data.core.clip import Clip
from physics_data.core.config import StrictModel
from physics_data.core.dataset import ShardDataset, write_dataset
from physics_data.core.errors import ConfigError
from physics_data.environment import SceneEnv

Policy = Callable[[Any], np.ndarray]


class EpisodePlan(StrictModel):
    """What a dataset of episodes is made of, as its record tells.

    scene:   scenario of the environment
    engine:  name of the engine
    policy:  who pushes
    count:   number of episodes
    seed:    of the first episode; the next ones have the seeds after it
    """

    scene: str
    engine: str
    policy: str
    count: Annotated[int, Field(ge=1)]
    seed: Annotated[int, Field(ge=0)]


class RandomPolicy:
    """Pushes one body at a time, at random times, in a random direction along the ground.

    Args:
        env: the environment
        rate: mean number of pushes a second
        seed: of the pushes
    """

    def __init__(self, env: SceneEnv, rate: float = 2.0, seed: int = 0) -> None:
        if not rate >= 0:
            raise ConfigError(f"rate={rate}; write a number of pushes a second of at least 0.")
        self._bodies = len(env.pushed)
        self._probability = min(rate / env.scene.frame_rate, 1.0)
        self._rng = np.random.default_rng([seed, 0x70757368])

    def __call__(self, observation: Any) -> np.ndarray:
        """Return an action, float32 [n 3]."""
        action = np.zeros((self._bodies, 3), dtype=np.float32)
        if self._rng.random() < self._probability:
            angle, strength = self._rng.uniform(0.0, 2 * np.pi), self._rng.uniform(0.2, 1.0)
            action[self._rng.integers(self._bodies), :2] = strength * np.cos(angle), strength * np.sin(angle)
        return action


@checked_arguments
def write_episodes(
    env: SceneEnv,
    out: str | Path,
    *,
    count: int,
    policy: Callable[..., Any] | None = None,
    seed: int = 0,
    on_clip: Callable[[], None] = lambda: None,
) -> ShardDataset:
    """Let a policy push through some episodes and write them as a dataset folder, all labels included.

    The pushes are the ``actions`` of each clip's scene; ``export --to lerobot`` writes them as ``action``.

    Args:
        env: from ``make_env``, not a vector
        out: dataset folder
        count: number of episodes
        policy: observation → action; default: ``RandomPolicy``
        seed: episode k is reset with seed + k

    Raises:
        ConfigError: no episode is asked for, or an action does not fit.
        DataError: ``out`` holds something else.
    """
    chosen = policy or RandomPolicy(env, seed=seed)
    name = getattr(chosen, "__qualname__", type(chosen).__qualname__)
    if count < 1 or seed < 0:
        raise ConfigError(f"count={count}, seed={seed}; write at least 1 episode and a seed of at least 0.")
    plan = EpisodePlan(scene=env.scene.scenario, engine=env.engine_name, policy=name, count=count, seed=seed)

    def clips() -> Iterator[Clip]:
        for number in range(count):
            observation, _ = env.reset(seed=seed + number)
            is_over = False
            while not is_over:
                observation, _, _, is_over, _ = env.step(chosen(observation))
            yield env.episode(f"episode-{env.scene.scenario}-{env.engine_name}-{number:07d}")
            on_clip()

    return write_dataset(Path(out), clips(), plan)
