"""Any text encoder of the transformers library as the reader of prompts: T5, UMT5, CLIP, Qwen, ..."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float

from physics_data.core.errors import ConfigError
from worldsim.prompt.tokenizer import PromptError

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
