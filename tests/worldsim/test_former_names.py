"""Stored configs of before are read with the present names."""

import json

import pytest

from physics_data.core.errors import CheckpointError
from worldsim.former_names import with_present_names
from worldsim.weights import BUILTIN_FOLDER


def test_removed_settings_are_left_out_where_they_mean_what_is_done_today() -> None:
    config = json.loads((BUILTIN_FOLDER / "phyworld_parabola" / "card.json").read_text())["config"]
    assert config["text_attention"] == "cross"
    present = with_present_names(config, source="card")
    assert {"text_attention", "attention"} <= config.keys() - present.keys()
    assert present["min_t"] == config["least_t"] and "least_t" not in present
    assert with_present_names({"a": [config]}, source="card") == {"a": [present]}


def test_a_removed_setting_that_nothing_does_is_refused() -> None:
    with pytest.raises(CheckpointError, match="card was made with text_attention: joint, which was removed"):
        with_present_names({"config": {"text_attention": "joint"}}, source="card")
