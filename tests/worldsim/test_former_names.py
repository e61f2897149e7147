"""Stored configs of before are read with the present names."""

import json

import pytest

from physics_data.core.errors import CheckpointError
from worldsim.cards import present_weight, with_present_names
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


def test_former_names_of_weights() -> None:
    assert present_weight("dit.enter.weight") == "dit.proj_in.weight"
    assert present_weight("blocks.3.feed_forward.leave.bias") == "blocks.3.feed_forward.proj_out.bias"
    assert present_weight("place.weight") == "pos_embed.weight"
    assert present_weight("critic.layers.0.weight") == "discriminator.layers.0.weight"
    assert present_weight("dit.carry.law.reach") == "dit.motion_prior.law.reach"
    assert present_weight("vae.encoder.norm.weight") == "vae.encoder.norm.weight"
    assert with_present_names({"targets": ["qkv", "enter"]}, source="card") == {"targets": ["qkv", "proj_in"]}
