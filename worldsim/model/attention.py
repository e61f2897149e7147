"""Attention among tokens, and from tokens to words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int64
from torch import nn
from torch.nn import functional as F

from physics_data.core.errors import ConfigError
from worldsim.model.cache import LayerCache
from worldsim.model.positions import rotate, without_time

Tokens = Float[torch.Tensor, "b n d"]
Queries = Float[torch.Tensor, "b h n e"]
Keys = Float[torch.Tensor, "b h m e"]
Backend = Literal["sdpa", "segments", "flex"]


@dataclass(frozen=True)
class WordHeads:
    """Words that take part in the attention of tokens: what they ask, and what they offer to tokens and to each other.

    q:         None in the last block, after which nothing reads the words any more
    readable:  which words each token may read, at least one; one row for all tokens, or for each
    """

    q: Float[torch.Tensor, "texts h l e"] | None
    k: Float[torch.Tensor, "texts h l e"]
    v: Float[torch.Tensor, "texts h l e"]
    readable: Bool[torch.Tensor, "texts _ l"]


@dataclass(frozen=True)
class WordReading:
    """What words may read, where they attend together with tokens.

    words:   which words each word may read; None = those that tokens may read
    tokens:  which tokens each word may read; None = every one of its run or row
    blind:   whether words read no token at all: in a causal transformer they would carry the future into the past
    """

    words: Bool[torch.Tensor, "r l l"] | None = None
    tokens: Bool[torch.Tensor, "r l n"] | None = None
    blind: bool = False


class Reading:
    """Which tokens each token may read.

    runs:      lengths of the runs of tokens that read only each other, all in one row; None = one run in each row
    readable:  which tokens each may read; None = every token of its run
    frame:     of ``runs``: the latent frame of each token, which then reads no later one; None = all
    words:     what words may read, for joint attention
    """

    def __init__(
        self,
        readable: Bool[torch.Tensor, "b 1 n _"] | None = None,
        runs: Sequence[int] | None = None,
        frame: Int64[torch.Tensor, "n"] | None = None,
        backend: Backend = "sdpa",
        words: WordReading | None = None,
    ) -> None:
        if backend == "segments" and runs is None:
            raise ConfigError("attention backend 'segments' is for packed rows; write 'sdpa'.")
        self.readable = readable
        self.runs = runs
        self.frame = frame
        self.backend: Backend = backend
        self.words = words or WordReading()

    def attend(self, q: Queries, k: Keys, v: Keys, words: WordHeads | None = None) -> Queries:
        """Return what each token read, of tokens and, if there are any, of words: one softmax over both.

        Keys may come in front of those of the tokens (registers, the past): all tokens read them.
        """
        if self.backend == "segments":
            return self._by_run(q, k, v, words)
        mask = self._wide(q, k)
        if words is not None:
            k, v, mask = torch.cat([words.k, k], dim=2), torch.cat([words.v, v], dim=2), self._joint(q, k, mask, words)
        if self.backend == "flex":
            return self._flex(q, k, v, mask)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)

    def attend_words(
        self, words: WordHeads, k: Keys, v: Keys, num_registers: int
    ) -> Float[torch.Tensor, "texts h l e"]:
        """Return what each word read: words of its text, registers, and the tokens of its sample unless it is blind.

        Args:
            words: with queries
            k, v: of registers, and behind them of the tokens
            num_registers: of them
        """
        assert words.q is not None
        if self.words.blind:
            k, v = k[:, :, :num_registers], v[:, :, :num_registers]
        if self.runs is None:
            return _words_of(words, k, v, self._for_words(words, num_registers, k.shape[2] - num_registers))
        lengths = [0] * len(self.runs) if self.words.blind else list(self.runs)
        parts = zip(*(x[:, :, num_registers:].split(lengths, dim=2) for x in (k, v)), strict=True)
        read = []
        for text, (key, value) in enumerate(parts):
            own = _one_text(words, text)
            key = torch.cat([k[:, :, :num_registers], key], dim=2)
            value = torch.cat([v[:, :, :num_registers], value], dim=2)
            read.append(_words_of(own, key, value, F.pad(own.readable[:, None], (0, key.shape[2]), value=True)))
        return torch.cat(read)

    def _for_words(self, words: WordHeads, front: int, num_tokens: int) -> Bool[torch.Tensor, "texts 1 _ _"]:
        """Return which words, registers and tokens each word may read."""
        own = words.readable if self.words.words is None else self.words.words
        if self.words.tokens is None or not num_tokens:
            return F.pad(own, (0, front + num_tokens), value=True)[:, None]
        return torch.cat([F.pad(own, (0, front), value=True), self.words.tokens], dim=2)[:, None]

    def _joint(
        self, q: Queries, k: Keys, mask: Bool[torch.Tensor, "b 1 n _"] | None, words: WordHeads
    ) -> Bool[torch.Tensor, "b 1 _ _"]:
        """Return the mask with the words in front."""
        if mask is None:
            return F.pad(words.readable, (0, k.shape[2]), value=True)[:, None]
        return torch.cat([words.readable[:, None].expand(-1, -1, q.shape[2], -1), mask], dim=3)

    def _wide(self, q: Queries, k: Keys) -> Bool[torch.Tensor, "b 1 n _"] | None:
        """Return the mask, with the keys in front readable."""
        if self.readable is None:
            return None
        front = k.shape[2] - self.readable.shape[-1]
        return F.pad(self.readable, (front, 0), value=True) if front else self.readable

    def _by_run(self, q: Queries, k: Keys, v: Keys, words: WordHeads | None) -> Queries:
        """Attend in each run alone: no work is spent on pairs that may not read each other, and no mask is made."""
        assert self.runs is not None
        front = k.shape[2] - q.shape[2]
        parts, start = [], 0
        for number, length in enumerate(self.runs):
            run = slice(start, start + length)
            key, value = (torch.cat([x[:, :, :front], x[:, :, front:][:, :, run]], dim=2) for x in (k, v))
            mask = None
            if self.frame is not None:
                frame = self.frame[run]
                mask = F.pad(frame[:, None] >= frame[None], (front, 0), value=True)[None, None]
            if words is not None:
                own = _one_text(words, number)
                mask = self._joint(q[:, :, run], key, mask, own)
                key, value = torch.cat([own.k, key], dim=2), torch.cat([own.v, value], dim=2)
            parts.append(F.scaled_dot_product_attention(q[:, :, run], key, value, attn_mask=mask))
            start += length
        return torch.cat(parts, dim=2)

    def _flex(self, q: Queries, k: Keys, v: Keys, mask: Bool[torch.Tensor, "b 1 _ _"] | None) -> Queries:
        """Attend with FlexAttention, which compiled for a GPU skips blocks that the mask leaves empty."""
        from torch.nn.attention.flex_attention import create_block_mask, flex_attention

        if mask is None:
            return flex_attention(q, k, v)  # pyright: ignore[reportReturnType]
        table = mask.expand(len(q), 1, q.shape[2], k.shape[2])
        size = (len(q), None, q.shape[2], k.shape[2])
        block = create_block_mask(lambda b, h, i, j: table[b, 0, i, j], *size, device=str(q.device))
        return flex_attention(q, k, v, block_mask=block)  # pyright: ignore[reportReturnType]


def _one_text(words: WordHeads, number: int) -> WordHeads:
    """Return the words of one text."""
    one = slice(number, number + 1)
    return WordHeads(None if words.q is None else words.q[one], words.k[one], words.v[one], words.readable[one])


def _words_of(
    words: WordHeads, k: Keys, v: Keys, mask: Bool[torch.Tensor, "texts 1 _ _"]
) -> Float[torch.Tensor, "texts h l e"]:
    assert words.q is not None
    k, v = torch.cat([words.k, k], dim=2), torch.cat([words.v, v], dim=2)
    return F.scaled_dot_product_attention(words.q, k, v, attn_mask=mask)


class SelfAttention(nn.Module):
    """Every token reads every token, or those that a ``Reading`` lets it.

    Queries and keys are normalised per head and turned by their positions. Registers are learned keys and values that
    every token may read: somewhere to look when there is nothing to see. They are the same at all times.

    Source: Dehghani et al. (2023), Scaling vision transformers to 22 billion parameters (norm of queries and keys);
    Darcet et al. (2023), Vision transformers need registers.
    """

    def __init__(self, width: int, num_heads: int, num_registers: int = 0) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.norm_q = nn.RMSNorm(width // num_heads, eps=1e-6)
        self.norm_k = nn.RMSNorm(width // num_heads, eps=1e-6)
        self.out = nn.Linear(width, width)
        self.registers = (
            nn.Parameter(torch.randn(2, num_heads, num_registers, width // num_heads) * 0.02) if num_registers else None
        )
        nn.init.zeros_(self.out.bias)

    def forward(
        self,
        x: Tokens,
        turn: Float[torch.Tensor, "2 b n half"],
        reading: Reading,
        cache: LayerCache | None = None,
        words: WordHeads | None = None,
    ) -> tuple[Tokens, Float[torch.Tensor, "texts l d"] | None]:
        """Return what each token read, and what each word read if words attend, too (before any layer of theirs).

        With a cache, the tokens in it are read too.
        """
        q, k, v = self.qkv(x).unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        q, k = rotate(self.norm_q(q), turn), rotate(self.norm_k(k), turn)
        if cache is not None:
            k, v = cache.extend(k, v)
        if self.registers is not None:
            key, value = self.registers.to(k.dtype)
            key = without_time(self.norm_k(key)).expand(len(x), -1, -1, -1)
            k, v = torch.cat([key, k], dim=2), torch.cat([value.expand(len(x), -1, -1, -1), v], dim=2)
        read = self.out(reading.attend(q, k, v, words).transpose(1, 2).flatten(2))
        if words is None or words.q is None:
            return read, None
        num_registers = 0 if self.registers is None else self.registers.shape[2]
        return read, reading.attend_words(words, k, v, num_registers).transpose(1, 2).flatten(2)


class TextAttention(nn.Module):
    """Every token reads the words of its prompt."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q = nn.Linear(width, width, bias=False)
        self.kv = nn.Linear(width, 2 * width, bias=False)
        self.norm_q = nn.RMSNorm(width // num_heads, eps=1e-6)
        self.norm_k = nn.RMSNorm(width // num_heads, eps=1e-6)
        self.out = nn.Linear(width, width)
        nn.init.zeros_(self.out.bias)

    def forward(
        self,
        x: Tokens,
        words: Float[torch.Tensor, "texts l d"],
        readable: Bool[torch.Tensor, "texts _ l"],
        runs: Sequence[int] | None = None,
    ) -> Tokens:
        """Return what each token read. ``readable`` has a row for all tokens or for each, with at least one word.

        With ``runs``, x is one row of runs of tokens of these lengths, and each reads the next text.
        """
        q = self.norm_q(self.q(x).unflatten(-1, (self.num_heads, -1)).transpose(1, 2))
        k, v = self.kv(words).unflatten(-1, (2, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        k, mask = self.norm_k(k), readable[:, None]
        if runs is None:
            read = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        else:
            texts = zip(q.split(list(runs), dim=2), k.split(1), v.split(1), mask.split(1), strict=True)
            read = torch.cat([F.scaled_dot_product_attention(a, b, c, attn_mask=m) for a, b, c, m in texts], dim=2)
        return self.out(read.transpose(1, 2).flatten(2))
