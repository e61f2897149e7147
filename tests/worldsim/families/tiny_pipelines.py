"""Diffusers pipelines with tiny random networks, made offline: real classes, real conventions, a second each."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"

from pathlib import Path
from typing import Any

import pytest
import torch

D = pytest.importorskip("diffusers", reason="public video models need diffusers (extra 'models')")
X = pytest.importorskip("transformers", reason="public video models need transformers (extra 'models')")

WORDS = [
    "a",
    "ball",
    "falls",
    "collides",
    "with",
    "the",
    "floor",
    "red",
    "blue",
    "green",
    "two",
    "balls",
    "and",
    "bounces",
    "rolls",
    "behind",
    "screen",
    ".",
]


def tokenizer(chat: bool = False) -> Any:
    """A word-level tokenizer: pad 0, end 1, unknown 2."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = ["<pad>", "</s>", "<unk>", *WORDS, *(["<|im_start|>", "<|im_end|>"] if chat else [])]
    made = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    if not chat:
        made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    found = X.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=64
    )
    if chat:
        found.chat_template = (
            "{% for m in messages %}<|im_start|> {{ m['role'] }} {{ m['content'] }} <|im_end|> {% endfor %}"
            "{% if add_generation_prompt %}<|im_start|> assistant {% endif %}"
        )
    return found


def t5(umt5: bool = False) -> Any:
    config, model = (X.UMT5Config, X.UMT5EncoderModel) if umt5 else (X.T5Config, X.T5EncoderModel)
    return model(
        config(
            vocab_size=32,
            d_model=32,
            d_kv=8,
            d_ff=37,
            num_layers=2,
            num_heads=4,
            relative_attention_num_buckets=8,
            feed_forward_proj="gated-gelu",
            is_encoder_decoder=False,
            use_cache=False,
        )
    ).eval()


def wan_vae(ti2v: bool = False) -> Any:
    shared: dict[str, Any] = {
        "base_dim": 4,
        "dim_mult": [1, 1, 1, 1],
        "num_res_blocks": 1,
        "temperal_downsample": [False, True, True],
    }
    if not ti2v:
        return D.AutoencoderKLWan(z_dim=16, **shared)
    return D.AutoencoderKLWan(
        z_dim=48,
        decoder_base_dim=4,
        latents_mean=[0.1] * 48,
        latents_std=[0.5] * 48,
        is_residual=True,
        in_channels=12,
        out_channels=12,
        patch_size=2,
        scale_factor_temporal=4,
        scale_factor_spatial=16,
        **shared,
    )


def wan_network(channels_in: int = 16, channels_out: int = 16, **more: Any) -> Any:
    return D.WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=channels_in,
        out_channels=channels_out,
        text_dim=32,
        freq_dim=16,
        ffn_dim=32,
        num_layers=2,
        cross_attn_norm=True,
        qk_norm="rms_norm_across_heads",
        rope_max_seq_len=32,
        **more,
    )


def unipc(flow_shift: float) -> Any:
    return D.UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=flow_shift, num_train_timesteps=1000
    )


def wan21_t2v() -> Any:
    return D.WanPipeline(
        tokenizer=tokenizer(),
        text_encoder=t5(umt5=True),
        vae=wan_vae(),
        transformer=wan_network(),
        scheduler=unipc(3.0),
    )


def wan21_i2v() -> Any:
    encoder = X.CLIPVisionModel(
        X.CLIPVisionConfig(
            hidden_size=16,
            intermediate_size=16,
            projection_dim=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=32,
            patch_size=16,
        )
    ).eval()
    processor = X.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    return D.WanImageToVideoPipeline(
        tokenizer=tokenizer(),
        text_encoder=t5(umt5=True),
        vae=wan_vae(),
        transformer=wan_network(36, 16, image_dim=16, added_kv_proj_dim=24),
        image_encoder=encoder,
        image_processor=processor,
        scheduler=unipc(3.0),
    )


def wan22_ti2v() -> Any:
    return D.WanPipeline(
        tokenizer=tokenizer(),
        text_encoder=t5(umt5=True),
        vae=wan_vae(ti2v=True),
        transformer=wan_network(48, 48),
        scheduler=unipc(5.0),
        expand_timesteps=True,
    )


def wan22_a14b() -> Any:
    return D.WanPipeline(
        tokenizer=tokenizer(),
        text_encoder=t5(umt5=True),
        vae=wan_vae(),
        transformer=wan_network(),
        transformer_2=wan_network(),
        scheduler=unipc(12.0),
        boundary_ratio=0.875,
    )


MAKERS = {
    "wan21_t2v": wan21_t2v,
    "wan21_i2v": wan21_i2v,
    "wan22_ti2v": wan22_ti2v,
    "wan22_a14b": wan22_a14b,
}


def write(name: str, folder: Path) -> Path:
    """Write the folder of a tiny pipeline, with the same random weights each time."""
    torch.manual_seed(7)
    pipeline = MAKERS[name]()
    for component in pipeline.components.values():
        if isinstance(component, torch.nn.Module):
            with torch.no_grad():  # weights that start at zero would hide what a network is told
                for weight in component.parameters():
                    if weight.abs().max() == 0:
                        weight.normal_(std=0.02)
    pipeline.save_pretrained(folder)
    return folder
