"""Words and tokens in one softmax, against a plain implementation that knows no mask, no packing and no cache."""

import math

import pytest
import torch
from torch.nn import functional as F

from tests.worldsim.model.test_causal_and_cache import stirred, told, video
from worldsim.model import DiT, DiTConfig
from worldsim.model.block import Block
from worldsim.model.cache import FrameCache
from worldsim.model.positions import (
    from_patches,
    rotate,
    rotation_angles,
    to_patches,
    token_positions,
    turn_by,
    wave_features,
    without_time,
)

CONFIG = DiTConfig(
    latent_channels=4,
    patch_size=2,
    depth=5,
    width=48,
    num_heads=2,
    text_buckets=32,
    text_every=2,
    text_attention="joint",
    num_registers=2,
    prediction="v",
)
SHAPES = ((3, 4, 4), (1, 6, 2), (4, 2, 8))
MASK = torch.tensor([[True] * 4, [False] * 4, [True, True, False, False]])


def heads(x: torch.Tensor) -> torch.Tensor:
    return x.unflatten(-1, (CONFIG.num_heads, -1)).transpose(1, 2)


def softmax_of(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, may_read: torch.Tensor) -> torch.Tensor:
    score = q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])
    return (score.masked_fill(~may_read, -math.inf).softmax(-1) @ v).transpose(1, 2).flatten(2)


def plain(dit: DiT, latents: torch.Tensor, t: torch.Tensor, ids: torch.Tensor, mask: torch.Tensor, *rest: torch.Tensor):
    """One sample: words that are not there are left out, and who reads whom is written down in full."""
    domain, rate = rest
    words, kept = dit.prompt(ids, mask)
    condition = dit.condition(t, domain, words, kept, {})
    words = words[:, kept[0]]
    grid = (latents.shape[2], latents.shape[3] // 2, latents.shape[4] // 2)
    place = token_positions(grid, 4, rate)
    turn = turn_by(rotation_angles(place, CONFIG.head_width // 2))
    frame = torch.arange(grid[0]).repeat_interleave(grid[1] * grid[2])
    x = dit.enter(to_patches(latents, 2)) + dit.place(wave_features(place, CONFIG.width))
    shared = dit.modulate(condition).unflatten(-1, (6, -1))[:, frame]
    for block in dit.blocks:
        assert isinstance(block, Block)
        shift_1, scale_1, gate_1, shift_2, scale_2, gate_2 = (shared + block.modulation).unbind(2)
        own = block.attention
        q, k, v = (heads(part) for part in own.qkv(_norm(x) * (1 + scale_1) + shift_1).chunk(3, dim=-1))
        q, k = rotate(own.norm_q(q), turn), rotate(own.norm_k(k), turn)
        assert own.registers is not None
        front_k, front_v = without_time(own.norm_k(own.registers[0]))[None], own.registers[1][None]
        before, stream = 2, block.words
        asked = None
        if stream is not None:
            kw, vw = (heads(part) for part in stream.kv(_norm(words)).chunk(2, dim=-1))
            front_k = torch.cat([front_k, without_time(stream.norm_k(kw))], dim=2)
            front_v = torch.cat([front_v, vw], dim=2)
            before += words.shape[1]
            if stream.q is not None and stream.norm_q is not None:
                asked = without_time(stream.norm_q(heads(stream.q(_norm(words)))))
        keys, values = torch.cat([front_k, k], dim=2), torch.cat([front_v, v], dim=2)
        may_read = torch.ones(len(frame), before + len(frame), dtype=torch.bool)
        if dit.config.causal:
            may_read[:, before:] = frame[:, None] >= frame[None]
        x = x + gate_1 * own.out(softmax_of(q, keys, values, may_read))
        if asked is not None and stream is not None and stream.out is not None and stream.feed_forward is not None:
            for_words = torch.ones(words.shape[1], before + len(frame), dtype=torch.bool)
            for_words[:, before:] = not dit.config.causal
            words = words + stream.out(softmax_of(asked, keys, values, for_words))
            words = words + stream.feed_forward(_norm(words))
        x = x + gate_2 * block.feed_forward(_norm(x) * (1 + scale_2) + shift_2)
    shift, scale = dit.modulate_last(condition)[:, frame].chunk(2, dim=-1)
    return from_patches(dit.leave(_norm(x) * (1 + scale) + shift), grid, 2)


def _norm(x: torch.Tensor) -> torch.Tensor:
    return F.layer_norm(x, x.shape[-1:], eps=1e-6)


Rest = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def samples() -> tuple[list[torch.Tensor], list[torch.Tensor], Rest]:
    generator = torch.Generator().manual_seed(1)
    latents = [torch.randn(4, *shape, generator=generator, dtype=torch.float64) for shape in SHAPES]
    t = [torch.rand(shape[0], generator=generator, dtype=torch.float64) for shape in SHAPES]
    ids = torch.randint(0, 32, (3, 4), generator=generator)
    rate = torch.tensor([16.0, 8.0, 24.0], dtype=torch.float64)
    return latents, t, (ids, MASK, torch.tensor([1, 2, 0]), rate)


@torch.no_grad()
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("attention", ["sdpa", "segments", "flex"])
def test_all_ways_give_the_values_of_the_plain_one(causal: bool, attention: str) -> None:
    dit = stirred(CONFIG.model_copy(update={"causal": causal, "attention": attention}))
    latents, t, rest = samples()
    packed = dit.forward_packed(latents, t, *rest, [[2, 0], [1]])
    for i, (one, level) in enumerate(zip(latents, t, strict=True)):
        ids, mask, *facts = (part[i : i + 1] for part in rest)
        expected = plain(dit, one[None], level[None], ids, mask, *facts)
        torch.testing.assert_close(dit(one[None], level[None], ids, mask, *facts), expected, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(packed[i][None], expected, rtol=1e-9, atol=1e-9)


@torch.no_grad()
def test_samples_of_one_size_go_together() -> None:
    dit = stirred(CONFIG)
    generator = torch.Generator().manual_seed(3)
    latents = torch.randn(3, 4, 2, 4, 4, generator=generator, dtype=torch.float64)
    t, rest = torch.rand(3, 2, generator=generator, dtype=torch.float64), samples()[2]
    expected = [plain(dit, *(part[i : i + 1] for part in (latents, t, *rest))) for i in range(3)]
    torch.testing.assert_close(dit(latents, t, *rest), torch.cat(expected), rtol=1e-9, atol=1e-9)


@torch.no_grad()
def test_a_dropped_prompt_is_the_same_whatever_the_words() -> None:
    dit = stirred(CONFIG)
    latents, t = video(2), torch.full((2, 2), 0.4, dtype=torch.float64)
    ids, mask, *rest = told()
    dropped = torch.zeros_like(mask)
    assert torch.equal(dit(latents, t, ids, dropped, *rest), dit(latents, t, ids + 1, dropped, *rest))
    assert (dit(latents, t, ids, mask, *rest) - dit(latents, t, ids + 1, mask, *rest)).abs().max() > 1e-3


@torch.no_grad()
def test_words_of_a_causal_transformer_carry_nothing_back_in_time() -> None:
    dit = stirred(CONFIG.model_copy(update={"causal": True}))
    latents, t = video(), torch.tensor([[0.0, 0.0, 0.0, 0.0, 0.7]], dtype=torch.float64).expand(2, -1)
    changed = latents.clone()
    changed[:, :, 3:] += 1
    whole = dit(latents, t, *told())
    torch.testing.assert_close(dit(changed, t, *told())[:, :, :3], whole[:, :, :3], atol=1e-12, rtol=0)
    cache, start = FrameCache(CONFIG.depth), 0
    for size in (1, 2, 1, 1):
        part = slice(start, start + size)
        cache.keep(True)
        made = dit(latents[:, :, part], t[:, part], *told(), cache=cache)
        torch.testing.assert_close(made, whole[:, :, part], atol=1e-10, rtol=0)
        start += size


@torch.no_grad()
def test_words_stand_at_no_time() -> None:
    dit = stirred(CONFIG.model_copy(update={"causal": True, "absolute_time": False}))
    outputs = []
    for first in (0, 40):
        cache = FrameCache(CONFIG.depth)
        cache.num_frames = first
        outputs.append(dit(video(3), torch.full((2, 3), 0.3, dtype=torch.float64), *told(), cache=cache))
    torch.testing.assert_close(outputs[0], outputs[1], atol=1e-9, rtol=0)


def test_every_weight_is_trained_also_when_blocks_are_computed_again() -> None:
    dit = stirred(CONFIG).train()
    latents, t, rest = samples()
    gradients = []
    for recomputes in (False, True):
        dit.recomputes = recomputes
        dit.zero_grad()
        made = dit.forward_packed(latents, t, *rest, [[0, 1, 2]])
        torch.cat([v.flatten() for v in made]).square().sum().backward()
        gradients.append({name: weight.grad for name, weight in dit.named_parameters()})
    for name, gradient in gradients[0].items():
        assert gradient is not None and gradient.abs().max() > 0, name
        torch.testing.assert_close(gradient, gradients[1][name], msg=name)


@torch.no_grad()
def test_it_begins_with_words_as_they_are() -> None:
    """A new block leaves words alone, so the first thing that tokens read are the words of the prompt."""
    torch.manual_seed(0)
    dit = DiT(CONFIG)
    stream = dit.blocks[0].words
    words = torch.randn(2, 5, CONFIG.width)
    assert torch.equal(stream(words, torch.randn(2, 5, CONFIG.width)), words)  # pyright: ignore[reportCallIssue]
