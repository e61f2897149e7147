"""Scene tokens: what is known is read, what is unknown does not matter, and the past does not see the future."""

from dataclasses import replace

import pytest
import torch

from physics_data.core.errors import DataError
from tests.worldsim.model.test_causal_and_cache import conditioning, stirred, video
from worldsim.losses.denoising import DiTObjective, with_scene_dropout
from worldsim.model import DiT, DiTConfig
from worldsim.model.cache import FrameCache
from worldsim.model.conditioning import Conditioning
from worldsim.model.scene_tokens import BODY, NUM_STATES, NUM_VALUES, SceneTokens

CONFIG = DiTConfig(latent_channels=4, depth=2, width=48, num_heads=2, text_buckets=32, scene_slots=5)
T = torch.full((2, 5), 0.4, dtype=torch.float64)


@pytest.fixture(scope="module")
def dit() -> DiT:
    return stirred(CONFIG)


def scene(slots: int = 5, frames: int = 5) -> SceneTokens:
    generator = torch.Generator().manual_seed(4)
    return SceneTokens(
        torch.tensor([[1, 2, 3, BODY, BODY][:slots]] * 2),
        torch.ones(2, slots, 4, dtype=torch.int64),
        torch.randn(2, slots, NUM_VALUES, generator=generator),
        torch.ones(2, slots, NUM_VALUES, dtype=torch.bool),
        torch.randn(2, slots, frames, NUM_STATES, generator=generator) * 0.2,
        torch.ones(2, slots, frames, dtype=torch.bool),
    )


def known(tokens: SceneTokens | None) -> Conditioning:
    return replace(conditioning(), scene=tokens)


@torch.no_grad()
def test_what_is_known_is_read_and_what_is_unknown_does_not_matter(dit: DiT) -> None:
    tokens = scene()
    nothing = dit(video(), T, known(SceneTokens.unknown(2, 5, 5)))
    assert torch.equal(nothing, dit(video(), T, known(None)))
    assert torch.equal(nothing, dit(video(), T, known(tokens).without_prompt())) is False  # the words are dropped too
    assert (nothing - dit(video(), T, known(tokens))).abs().max() > 1e-4
    none = torch.zeros(2, 5, dtype=torch.bool)
    hidden = tokens.masked(none, tokens.classes > 0, tokens.known, tokens.states_known)
    assert torch.equal(nothing, dit(video(), T, known(hidden)))
    for name, changed in (("values", tokens.values + 1), ("states", tokens.states + 0.3)):
        blind = {"values": "known", "states": "states_known"}[name]
        unseen = replace(tokens, **{blind: torch.zeros_like(getattr(tokens, blind))})
        one, other = (
            dit(video(), T, known(replace(unseen, **{name: each}))) for each in (getattr(tokens, name), changed)
        )
        assert torch.equal(one, other)
        assert (dit(video(), T, known(tokens)) - dit(video(), T, known(replace(tokens, **{name: changed})))).any()


@torch.no_grad()
def test_frame_by_frame_with_a_cache_is_the_whole_at_once() -> None:
    causal = stirred(CONFIG.model_copy(update={"causal": True}))
    latents, t = video(), torch.tensor([[0.0, 0.0, 0.0, 0.0, 0.7]], dtype=torch.float64).expand(2, -1)
    whole, cache = causal(latents, t, known(scene())), FrameCache(CONFIG.depth)
    for frame in range(5):
        part = slice(frame, frame + 1)
        cache.keep(True)
        made = causal(latents[:, :, part], t[:, part], known(scene()), cache=cache)
        torch.testing.assert_close(made, whole[:, :, part], atol=1e-10, rtol=0)
    states = scene().states.clone()
    states[:, :, 3:] += 1
    later = causal(latents, t, known(replace(scene(), states=states)))
    torch.testing.assert_close(later[:, :, :3], whole[:, :, :3], atol=1e-12, rtol=0)


def test_dropout_hides_the_future_of_what_moves_and_keeps_what_stands_still() -> None:
    tokens = scene()
    tokens.values[:, 3, 12], tokens.values[:, 4, 12] = 1.0, 0.0
    settings = DiTObjective(scene_dropout=0.0, scene_part_dropout=0.0, simulated_probability=0.0)
    kept = with_scene_dropout(known(tokens), torch.Generator().manual_seed(0), settings).scene
    assert kept is not None
    assert kept.states_known[:, 3].tolist() == [[True, False, False, False, False]] * 2
    assert kept.states_known[:, 4].all() and kept.known.all()
    gone = with_scene_dropout(known(tokens), torch.Generator(), DiTObjective(scene_dropout=1.0)).scene
    assert gone is not None and not gone.kind.any() and not gone.known.any() and not gone.states_known.any()


def test_scenes_that_do_not_fit_are_refused(dit: DiT) -> None:
    with pytest.raises(DataError, match="4 slots, this transformer takes 5"):
        dit(video(), T, known(scene(slots=4)))
    with pytest.raises(DataError, match="takes no packed samples"):
        dit.forward_packed([video()[0]], [T[0]], known(scene()).rows(slice(0, 1)))
    with pytest.raises(DataError, match=r"SceneTokens\.unknown"):
        Conditioning.join([known(scene()), known(None)])
