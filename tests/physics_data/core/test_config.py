from typing import Annotated

import pytest
from pydantic import Field, model_validator

from physics_data.core.config import (
    StrictModel,
    apply_overrides,
    dump_yaml,
    fingerprint,
    load_config,
    validate_config,
)
from physics_data.core.errors import ConfigError


class Optimiser(StrictModel):
    learning_rate: float = 1e-3
    warmup_steps: int = 10


class Run(StrictModel):
    renamed_keys = {"rng_seed": "seed", "optimizer": "optimiser"}

    seed: int
    optimiser: Optimiser = Optimiser()
    sources: tuple[Optimiser, ...] = ()


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("seed: 3\noptimiser: {learning_rate: 0.5}\nsources: [{}, {warmup_steps: 4}]\n")
    return file


def test_load_and_dump(path):
    config = load_config(Run, path, ["optimiser.warmup_steps=7", "sources.1.learning_rate=1e-4"])
    assert config.optimiser == Optimiser(learning_rate=0.5, warmup_steps=7)
    assert config.sources[1] == Optimiser(learning_rate=1e-4, warmup_steps=4)
    path.write_text(dump_yaml(config))
    assert load_config(Run, path) == config


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "optimiser.lerning_rate=1",
            "no such key; known are learning_rate, warmup_steps. Did you mean 'learning_rate'",
        ),
        ("sources.0.warmup=1", "Did you mean 'warmup_steps'"),
        ("sed=1", "Did you mean 'seed'"),
        ("optimiser.learning_rate=fast", "given 'fast'"),
        ("optimiser.learning_rate.x=1", "is the value 0.5, it has no fields"),
        ("sources.5.warmup_steps=1", "index from 0 to 1"),
        ("seed", "has no '='"),
        ("seed=.nan", "seed"),
        ("rng_seed=1", "rng_seed: this key was renamed; write seed instead of rng_seed"),
        ("optimizer.learning_rate=1", "renamed; write optimiser instead of optimizer"),
        ("sources.0.rng_seed=1", "no such key; known are learning_rate"),
    ],
)
def test_bad_overrides_say_what_to_write(path, override, message):
    with pytest.raises(ConfigError, match=message):
        load_config(Run, path, [override])


def test_missing_and_broken_files(path):
    with pytest.raises(ConfigError, match="Did you mean 'run.yaml'"):
        load_config(Run, path.with_name("rum.yaml"))
    path.write_text("seed: [")
    with pytest.raises(ConfigError, match="not readable YAML"):
        load_config(Run, path)
    path.write_text("- 1")
    with pytest.raises(ConfigError, match="holds list"):
        load_config(Run, path)
    path.write_text("optimiser: {}")
    with pytest.raises(ConfigError, match="seed: this key is needed"):
        load_config(Run, path)


def test_overrides_leave_the_input_alone():
    raw = {"a": {"b": 1}}
    assert apply_overrides(raw, ["a.b=2"]) == {"a": {"b": 2}}
    assert raw == {"a": {"b": 1}}


def test_fingerprint_depends_on_values_only():
    assert fingerprint(Run(seed=1)) == fingerprint(Run(seed=1, optimiser=Optimiser()))
    assert fingerprint(Run(seed=1)) != fingerprint(Run(seed=2))


class Range(StrictModel):
    low: int
    high: int

    @model_validator(mode="after")
    def _ordered(self):
        if self.low > self.high:
            raise ValueError(f"low {self.low} must not be above high {self.high}.")
        return self


def test_a_rule_about_several_keys_is_one_sentence():
    with pytest.raises(ConfigError) as caught:
        validate_config(Range, {"low": 3, "high": 2}, source="a.yaml")
    assert str(caught.value) == "a.yaml does not fit:\n  (top): low 3 must not be above high 2."


def test_a_stored_record_is_read_by_former_names():
    old = {"rng_seed": 3, "optimizer": {"warmup_steps": 2}, "sources": [{}]}
    assert validate_config(Run, old, source="old", stored=True) == Run(
        seed=3, optimiser=Optimiser(warmup_steps=2), sources=(Optimiser(),)
    )


def test_a_renamed_key_leaves_the_fingerprint_as_it_was():
    class Before(StrictModel):
        twins: int = 1

    class After(StrictModel):
        pairs: Annotated[int, Field(serialization_alias="twins")] = 1

    assert fingerprint(After(pairs=2)) == fingerprint(Before(twins=2))
