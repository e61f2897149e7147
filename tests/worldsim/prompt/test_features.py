"""A tiny T5 with random weights, saved and read as any text encoder would be."""

from pathlib import Path

import pytest
import torch

from physics_data.core.errors import ConfigError
from worldsim.prompt import PromptError

transformers = pytest.importorskip("transformers", reason="pip install 'worldsim[finetune]'")
tokenizers = pytest.importorskip("tokenizers")

from worldsim.prompt.tokenizer import PretrainedTextEncoder  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("t5")
    words = ["<pad>", "</s>", "<unk>", "a", "red", "blue", "ball", "falls"]
    vocabulary = {word: number for number, word in enumerate(words)}
    model = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="<unk>"))
    model.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=model, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )
    fast.save_pretrained(path)
    torch.manual_seed(0)
    size = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    transformers.T5Model(transformers.T5Config(vocab_size=len(words), **size)).save_pretrained(path)
    return path


def test_features_do_not_depend_on_the_texts_beside(folder: Path) -> None:
    encoder = PretrainedTextEncoder(str(folder), 8)
    assert encoder.feature_width == 16
    features, mask = encoder.encode(["a red ball falls", "", "a ball"])
    assert features.shape == (3, 4, 16)
    assert mask.tolist() == [[True] * 4, [False] * 4, [True, True, False, False]]
    assert not features[~mask].any()
    alone, _ = PretrainedTextEncoder(str(folder), 8).encode(["a ball"])
    torch.testing.assert_close(alone[0], features[2, :2], atol=1e-5, rtol=1e-4)
    other, _ = encoder.encode(["a blue ball falls"])
    assert (other - features[:1]).abs().max() > 1e-3
    assert torch.equal(encoder.encode(["a red ball falls"])[0], features[:1])


def test_nothing_is_cut_off(folder: Path) -> None:
    with pytest.raises(PromptError, match="has 4 pieces, the model reads at most 3"):
        PretrainedTextEncoder(str(folder), 3).encode(["a red ball falls"])


def test_an_encoder_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ConfigError, match="that folder holds no whole model"):
        PretrainedTextEncoder(str(tmp_path), 8)
