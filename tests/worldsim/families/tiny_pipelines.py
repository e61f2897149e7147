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


def wan22_i2v_a14b() -> Any:
    return D.WanImageToVideoPipeline(
        tokenizer=tokenizer(),
        text_encoder=t5(umt5=True),
        vae=wan_vae(),
        transformer=wan_network(36, 16),
        transformer_2=wan_network(36, 16),
        image_encoder=None,
        image_processor=None,
        scheduler=unipc(5.0),
        boundary_ratio=0.9,
    )


def ltx_parts(causal_shift: bool = True, timed_decoder: bool = False) -> dict[str, Any]:
    decoder: dict[str, Any] = {
        "decoder_block_out_channels": (8, 8, 8, 8),
        "decoder_layers_per_block": (1, 1, 1, 1, 1),
        "decoder_spatio_temporal_scaling": (True, True, True, False),
        "decoder_inject_noise": (False,) * 5,
        "upsample_residual": (False,) * 4,
        "upsample_factor": (1,) * 4,
    }
    if timed_decoder:
        decoder = {
            "decoder_block_out_channels": (8, 16, 32),
            "decoder_layers_per_block": (1, 1, 1, 1),
            "decoder_spatio_temporal_scaling": (True, True, True),
            "decoder_inject_noise": (False,) * 4,
            "upsample_residual": (True,) * 3,
            "upsample_factor": (2,) * 3,
        }
    vae = D.AutoencoderKLLTXVideo(
        latent_channels=8,
        block_out_channels=(8, 8, 8, 8),
        layers_per_block=(1, 1, 1, 1, 1),
        spatio_temporal_scaling=(True, True, True, False),
        timestep_conditioning=timed_decoder,
        patch_size=4,
        patch_size_t=1,
        encoder_causal=True,
        decoder_causal=False,
        **decoder,
    )
    vae.latents_mean.fill_(0.1)
    vae.latents_std.fill_(0.5)
    network = D.LTXVideoTransformer3DModel(
        in_channels=8,
        out_channels=8,
        patch_size=1,
        patch_size_t=1,
        num_attention_heads=4,
        attention_head_dim=8,
        cross_attention_dim=32,
        num_layers=2,
        caption_channels=32,
    )
    shifts: dict[str, Any] = {
        "use_dynamic_shifting": True,
        "base_shift": 0.95,
        "max_shift": 2.05,
        "base_image_seq_len": 1024,
        "max_image_seq_len": 4096,
        "shift_terminal": 0.1,
    }
    scheduler = D.FlowMatchEulerDiscreteScheduler(**(shifts if causal_shift else {}))
    return {
        "tokenizer": tokenizer(),
        "text_encoder": t5(),
        "vae": vae,
        "transformer": network,
        "scheduler": scheduler,
    }


def ltx() -> Any:
    return D.LTXPipeline(**ltx_parts())


def ltx_timed() -> Any:
    return D.LTXPipeline(**ltx_parts(timed_decoder=True))


def ltx_condition() -> Any:
    return D.LTXConditionPipeline(**ltx_parts(causal_shift=False))


def cogvideox(channels_in: int = 4, made: str = "CogVideoXPipeline", **more: Any) -> Any:
    vae = D.AutoencoderKLCogVideoX(
        block_out_channels=(8, 8, 8, 8),
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=2,
        temporal_compression_ratio=4,
        sample_height=480,
        sample_width=720,
        invert_scale_latents="patch_size_t" in more,
    )
    network = D.CogVideoXTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=16,
        in_channels=channels_in,
        out_channels=4,
        time_embed_dim=8,
        text_embed_dim=32,
        num_layers=2,
        sample_frames=9,
        patch_size=2,
        temporal_compression_ratio=4,
        max_text_seq_length=16,
        **({"sample_width": 8, "sample_height": 8} | more),
    )
    scheduler = D.CogVideoXDDIMScheduler(
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        snr_shift_scale=3.0,
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        clip_sample=False,
        set_alpha_to_one=True,
        timestep_spacing="trailing",
    )
    return getattr(D, made)(tokenizer=tokenizer(), text_encoder=t5(), vae=vae, transformer=network, scheduler=scheduler)


def cogvideox_i2v() -> Any:
    return cogvideox(
        8,
        "CogVideoXImageToVideoPipeline",
        use_rotary_positional_embeddings=True,
        use_learned_positional_embeddings=True,
    )


def cogvideox15() -> Any:
    return cogvideox(
        4, use_rotary_positional_embeddings=True, patch_size_t=2, patch_bias=False, sample_height=300, sample_width=300
    )


def cogvideox_dpm() -> Any:
    pipeline = cogvideox()
    pipeline.scheduler = D.CogVideoXDPMScheduler.from_config(pipeline.scheduler.config)
    return pipeline


def hunyuan15(channels: int = 4) -> Any:
    from diffusers.guiders import ClassifierFreeGuidance

    text = X.Qwen2_5_VLTextModel(
        X.Qwen2_5_VLTextConfig(
            vocab_size=64,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=4,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=2048,
            rope_parameters={"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e6},
        )
    ).eval()
    glyphs = X.T5EncoderModel(
        X.T5Config(
            vocab_size=384,
            d_model=12,
            d_kv=4,
            d_ff=16,
            num_layers=2,
            num_heads=3,
            is_encoder_decoder=False,
            use_cache=False,
        )
    ).eval()
    vae = D.AutoencoderKLHunyuanVideo15(
        latent_channels=channels,
        block_out_channels=(16, 16, 16, 16, 16),
        layers_per_block=1,
        spatial_compression_ratio=16,
        temporal_compression_ratio=4,
    )
    network = D.HunyuanVideo15Transformer3DModel(
        in_channels=2 * channels + 1,
        out_channels=channels,
        num_attention_heads=2,
        attention_head_dim=16,
        num_layers=2,
        num_refiner_layers=1,
        mlp_ratio=2.0,
        patch_size=1,
        patch_size_t=1,
        text_embed_dim=16,
        text_embed_2_dim=12,
        image_embed_dim=12,
        rope_axes_dim=(4, 6, 6),
        target_size=64,
        task_type="t2v",
    )
    return D.HunyuanVideo15Pipeline(
        text_encoder=text,
        tokenizer=tokenizer(chat=True),
        transformer=network,
        vae=vae,
        scheduler=D.FlowMatchEulerDiscreteScheduler(shift=7.0),
        text_encoder_2=glyphs,
        tokenizer_2=X.ByT5Tokenizer(),
        guider=ClassifierFreeGuidance(guidance_scale=6.0),
    )


def hunyuan15_i2v() -> Any:
    from diffusers.guiders import ClassifierFreeGuidance

    text = hunyuan15()
    seen = X.SiglipVisionModel(
        X.SiglipVisionConfig(
            hidden_size=12,
            intermediate_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=54,
            patch_size=2,
        )
    ).eval()
    parts = {name: value for name, value in text.components.items() if name != "guider"}
    return D.HunyuanVideo15ImageToVideoPipeline(
        **parts,
        guider=ClassifierFreeGuidance(guidance_scale=6.0),
        image_encoder=seen,
        feature_extractor=X.SiglipImageProcessor(size={"height": 54, "width": 54}),
    )


class Guardrail:
    """Stands in the place of NVIDIA's guardrail, which is not installed here."""

    def to(self, device: Any) -> None: ...

    def check_text_safety(self, prompt: str) -> bool:
        return True


def cosmos() -> Any:
    from diffusers.models.transformers.transformer_cosmos import CosmosTransformer3DModel

    text = X.Qwen2_5_VLForConditionalGeneration(
        X.Qwen2_5_VLConfig(
            text_config={
                "vocab_size": 64,
                "hidden_size": 16,
                "intermediate_size": 16,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "num_key_value_heads": 2,
                "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e6},
            },
            vision_config={
                "depth": 2,
                "hidden_size": 16,
                "intermediate_size": 16,
                "num_heads": 2,
                "out_hidden_size": 16,
            },
        )
    ).eval()
    network = CosmosTransformer3DModel(
        in_channels=17,
        out_channels=16,
        num_attention_heads=2,
        attention_head_dim=16,
        num_layers=2,
        mlp_ratio=2,
        text_embed_dim=32,
        adaln_lora_dim=4,
        max_size=(4, 32, 32),
        extra_pos_embed_type=None,
        use_crossattn_projection=True,
        crossattn_proj_in_channels=32,
        encoder_hidden_states_channels=32,
    )
    return D.Cosmos2_5_PredictBasePipeline(
        text_encoder=text,
        tokenizer=tokenizer(chat=True),
        vae=wan_vae(),
        transformer=network,
        scheduler=unipc(1.0),
        safety_checker=Guardrail(),
    )


MAKERS = {
    "cosmos": cosmos,
    "wan21_t2v": wan21_t2v,
    "wan21_i2v": wan21_i2v,
    "wan22_ti2v": wan22_ti2v,
    "wan22_a14b": wan22_a14b,
    "wan22_i2v_a14b": wan22_i2v_a14b,
    "ltx": ltx,
    "ltx_timed": ltx_timed,
    "ltx_condition": ltx_condition,
    "cogvideox": cogvideox,
    "cogvideox_i2v": cogvideox_i2v,
    "cogvideox15": cogvideox15,
    "cogvideox_dpm": cogvideox_dpm,
    "hunyuan15": hunyuan15,
    "hunyuan15_i2v": hunyuan15_i2v,
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
