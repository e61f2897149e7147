"""Text encoders: words to ids of a vocabulary, or features of any text encoder of transformers, e.g. T5 or CLIP."""

import difflib
import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int64

from physics_data.core.errors import ConfigError, WorldsimError

_WORD = re.compile(r"\w+", re.UNICODE)
PADDING_ID = 0


class PromptError(WorldsimError):
    """A prompt that the model cannot take."""


class WordTokenizer:
    """Split text into lower-case words and number each; the same on every machine and in every run.

    A word is hashed into one of ``num_buckets - 1`` ids. With a vocabulary, the words in it are placed in their order:
    each gets the first free id from its hash on, so that no two share one while there are ids. Words outside the
    vocabulary are left out of the text; ``unknown`` names them. Id 0 is padding.

    Source: Weinberger et al. (2009), Feature hashing for large scale multitask learning.
    """

    def __init__(
        self, max_words: int, num_buckets: int, vocabulary: Sequence[str] | None = None, *, hashed: bool = False
    ) -> None:
        """Number a vocabulary.

        Args:
            max_words: most words of a text
            num_buckets: ids, 0 among them
            vocabulary: the words of the training captions in a fixed order; None = not known, all words are hashed
            hashed: whether words of the vocabulary keep the ids of their hashes, as in models from before there was one
        """
        if max_words < 1 or num_buckets < 2:
            raise ConfigError(
                f"a tokenizer needs max_words of at least 1 and num_buckets of at least 2, given are {max_words} and "
                f"{num_buckets}."
            )
        self.max_words = max_words
        self.num_buckets = num_buckets
        self.vocabulary = None if vocabulary is None else tuple(vocabulary)
        self.hashed = hashed
        self._ids: dict[str, int] = {}
        taken: set[int] = set()
        for word in self.vocabulary or ():
            number = self._hash(word)
            if not hashed and len(taken) < num_buckets - 1:
                while number in taken:
                    number = 1 + number % (num_buckets - 1)
                taken.add(number)
            self._ids[word] = number

    @property
    def feature_width(self) -> None:
        """Words become ids."""

    def encode(self, texts: Sequence[str]) -> tuple[Int64[torch.Tensor, "b l"], Bool[torch.Tensor, "b l"]]:
        """Return the ids of the known words and a mask, True where there is a word; both ``max_words`` long.

        An empty text has no words: to the model that is a dropped prompt.

        Raises:
            PromptError: a text has more than ``max_words`` words; nothing is cut off.
        """
        ids = torch.full((len(texts), self.max_words), PADDING_ID, dtype=torch.int64)
        mask = torch.zeros((len(texts), self.max_words), dtype=torch.bool)
        for row, text in enumerate(texts):
            words = [word for word in split_words(text) if self.knows(word)]
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
        return self._ids[word] if word in self._ids else self._hash(word)

    def knows(self, word: str) -> bool:
        """Return whether a word is read: it is in the vocabulary, or there is none."""
        return self.vocabulary is None or word in self._ids

    def unknown(self, texts: Iterable[str]) -> list[str]:
        """Return the words of the texts that are left out, each once."""
        return list(dict.fromkeys(word for text in texts for word in split_words(text) if not self.knows(word)))

    def collisions(self, texts: Iterable[str]) -> list[set[str]]:
        """Return the sets of different words of the texts, or of the vocabulary beside them, that share an id."""
        read = {word for text in texts for word in split_words(text) if self.knows(word)}
        words_of: dict[int, set[str]] = {}
        for word in read | set(self._ids):
            words_of.setdefault(self.bucket(word), set()).add(word)
        return [words for _, words in sorted(words_of.items()) if len(words) > 1 and words & read]

    def remarks(self, prompt: str) -> list[str]:
        """Return what the model does not take from a prompt, in sentences: unknown words, and words it confuses.

        Raises:
            PromptError: the prompt is not empty, and the model knows none of its words.
        """
        words = split_words(prompt)
        if not prompt.strip():
            return []
        if not any(self.knows(word) for word in words):
            known = f"it knows {', '.join((self.vocabulary or ())[:12])}, ..." if self.vocabulary else "write words"
            raise PromptError(
                f"the prompt '{prompt}' has no word that the model knows; {known}; write e.g. 'a red ball falls'."
            )
        said = [
            f"'{word}' is not a word that the model was trained on, and is left out"
            + (f"; the nearest it knows: {', '.join(near)}." if (near := self.nearest(word)) else ".")
            for word in self.unknown([prompt])
        ]
        for group in self.collisions([prompt]) if self.vocabulary is not None else []:
            mine = sorted(group & set(words))
            others = ", ".join(f"'{word}'" for word in sorted(group - set(mine[:1])))
            said.append(f"the model cannot tell '{mine[0]}' from {others}: they share an id.")
        return said

    def nearest(self, word: str) -> list[str]:
        """Return at most two words of the vocabulary that are written nearly alike, the nearest first."""
        return difflib.get_close_matches(word, self.vocabulary or (), n=2, cutoff=0.5)

    def _hash(self, word: str) -> int:
        return 1 + zlib.crc32(word.encode("utf-8")) % (self.num_buckets - 1)


def split_words(text: str) -> list[str]:
    """Return the words of a text in lower case and Unicode form NFC, without punctuation."""
    return _WORD.findall(unicodedata.normalize("NFC", text).lower())


def vocabulary_of(captions: Iterable[str], before: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the words of captions, the most frequent first, after those of an earlier vocabulary."""
    counts = Counter(word for caption in captions for word in split_words(caption))
    known = set(before)
    return (*before, *sorted((word for word in counts if word not in known), key=lambda word: (-counts[word], word)))


@runtime_checkable
class TextEncoder(Protocol):
    """Texts to word ids, which the transformer learns to read, or to the features of a trained encoder."""

    @property
    def feature_width(self) -> int | None:
        """Channels of a feature; None where texts become word ids."""
        ...

    def encode(
        self, texts: Sequence[str]
    ) -> tuple[Int64[torch.Tensor, "b l"] | Float[torch.Tensor, "b l f"], Bool[torch.Tensor, "b l"]]:
        """Return ids or features of one length, and a mask, True where there is text; empty texts have no True.

        Raises:
            PromptError: a text is too long; nothing is cut off.
        """
        ...


_TEXTS_AT_ONCE = 16


class PretrainedTextEncoder:
    """The last hidden state of a frozen encoder; texts met before are not encoded again.

    Source: Wolf et al. (2020), Transformers: state-of-the-art natural language processing.
    """

    def __init__(self, name: str, max_pieces: int) -> None:
        """Load from a local folder or, if there is none of that name, from the hub and its cache.

        Raises:
            ConfigError: transformers is not installed, or there is no such encoder.
        """
        try:
            import transformers
        except ImportError as error:
            raise ConfigError(
                "a pretrained text encoder needs the package transformers; install it with: "
                "pip install 'worldsim[finetune]', or leave tokenizer.encoder out."
            ) from error
        self.name, self.max_pieces = name, max_pieces
        try:
            self._pieces: Any = transformers.AutoTokenizer.from_pretrained(name)
            loaded: Any = transformers.AutoModel.from_pretrained(name)
        except (OSError, ValueError) as error:
            where = (
                "that folder holds no whole model" if Path(name).exists() else "there is no such folder, nor hub model"
            )
            raise ConfigError(
                f"no text encoder '{name}': {where} ({str(error).splitlines()[0]}). Give a folder with config.json, "
                "weights and tokenizer, or a name of the Hugging Face hub."
            ) from error
        model = loaded.get_encoder() if loaded.config.is_encoder_decoder else getattr(loaded, "text_model", loaded)
        self._model = model.eval().requires_grad_(False)
        if self._pieces.pad_token is None:
            self._pieces.pad_token = self._pieces.eos_token
        self._known: dict[str, torch.Tensor] = {}

    @property
    def feature_width(self) -> int:
        """Channels of a feature."""
        return int(self._model.config.hidden_size)

    def encode(self, texts: Sequence[str]) -> tuple[Float[torch.Tensor, "b l f"], Bool[torch.Tensor, "b l"]]:
        """Return features padded to the longest text, on the CPU, and a mask; empty texts have no True.

        Raises:
            PromptError: a text has more than ``max_pieces`` pieces; nothing is cut off.
        """
        new = [text for text in dict.fromkeys(texts) if text and text not in self._known]
        for first in range(0, len(new), _TEXTS_AT_ONCE):
            self._remember(new[first : first + _TEXTS_AT_ONCE])
        nothing = torch.zeros(0, self.feature_width)
        features = [self._known[text] if text else nothing for text in texts]
        longest = max(1, *(len(one) for one in features))
        padded = torch.zeros(len(texts), longest, self.feature_width)
        mask = torch.zeros(len(texts), longest, dtype=torch.bool)
        for row, one in enumerate(features):
            padded[row, : len(one)] = one
            mask[row, : len(one)] = True
        return padded, mask

    @torch.no_grad()
    def _remember(self, texts: Sequence[str]) -> None:
        pieces = self._pieces(list(texts), padding=True, return_tensors="pt")
        given = pieces["attention_mask"].bool()
        for text, count in zip(texts, given.sum(1).tolist(), strict=True):
            if count > self.max_pieces:
                raise PromptError(
                    f"the prompt '{text}' has {count} pieces, the model reads at most {self.max_pieces}; shorten it."
                )
        hidden = self._model(input_ids=pieces["input_ids"], attention_mask=pieces["attention_mask"]).last_hidden_state
        for text, row, there in zip(texts, hidden.float(), given, strict=True):
            self._known[text] = row[there].clone()
