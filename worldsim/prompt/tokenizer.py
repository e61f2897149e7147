"""Words as numbers without a vocabulary: each word is hashed into one of a few hundred buckets."""

import re
import zlib
from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Bool, Int64

from physics_data.core.errors import ConfigError, WorldsimError

_WORD = re.compile(r"\w+", re.UNICODE)
PADDING_ID = 0


class PromptError(WorldsimError):
    """A prompt that the model cannot take."""


class WordTokenizer:
    """Split text into lower-case words and hash each; the same on every machine and in every run.

    Two words may share a bucket; ``collisions`` tells which of a list do. Id 0 is padding.

    Source: Weinberger et al. (2009), Feature hashing for large scale multitask learning.
    """

    def __init__(self, max_words: int, num_buckets: int) -> None:
        if max_words < 1 or num_buckets < 2:
            raise ConfigError(
                f"a tokenizer needs max_words of at least 1 and num_buckets of at least 2, given are {max_words} and "
                f"{num_buckets}."
            )
        self.max_words = max_words
        self.num_buckets = num_buckets

    @property
    def feature_width(self) -> None:
        """Words become ids."""

    def encode(self, texts: Sequence[str]) -> tuple[Int64[torch.Tensor, "b l"], Bool[torch.Tensor, "b l"]]:
        """Return the ids of the words and a mask, True where there is a word; both ``max_words`` long.

        An empty text has no words: to the model that is a dropped prompt.

        Raises:
            PromptError: a text has more than ``max_words`` words; nothing is cut off.
        """
        ids = torch.full((len(texts), self.max_words), PADDING_ID, dtype=torch.int64)
        mask = torch.zeros((len(texts), self.max_words), dtype=torch.bool)
        for row, text in enumerate(texts):
            words = split_words(text)
            if len(words) > self.max_words:
                raise PromptError(
                    f"the prompt '{text}' has {len(words)} words, the model reads at most {self.max_words}; leave out "
                    f"{len(words) - self.max_words}, e.g. everything after '{words[self.max_words - 1]}'."
                )
            ids[row, : len(words)] = torch.tensor([self.bucket(word) for word in words], dtype=torch.int64)
            mask[row, : len(words)] = True
        return ids, mask

    def bucket(self, word: str) -> int:
        """Return the id of a word, 1 to ``num_buckets - 1``."""
        return 1 + zlib.crc32(word.encode("utf-8")) % (self.num_buckets - 1)

    def collisions(self, texts: Iterable[str]) -> list[set[str]]:
        """Return the sets of different words of the texts that share an id."""
        words_of: dict[int, set[str]] = {}
        for text in texts:
            for word in split_words(text):
                words_of.setdefault(self.bucket(word), set()).add(word)
        return [words for _, words in sorted(words_of.items()) if len(words) > 1]


def split_words(text: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation."""
    return _WORD.findall(text.lower())
