"""Pipelines with random weights of a few hundred kilobytes: real classes and files, made here, nothing downloaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLFlux2,
    AutoencoderKLQwenImage,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Transformer2DModel,
    QwenImageTransformer2DModel,
    ZImagePipeline,
    ZImageTransformer2DModel,
)
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Tokenizer,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3Model,
)

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"]
VISION = ["<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"]
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEXTS = ["A beautiful girl is sitting on the boat", "turn the sky red", "a lighthouse at dusk, oil on canvas"]


def klein(folder: Path, *, distilled: bool = True) -> Path:
    """A FLUX.2 klein pipeline: three text layers, one double and one single block."""
    torch.manual_seed(0)
    words = tokenizer()
    transformer = Flux2Transformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=48,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=False,
    )
    vae = AutoencoderKLFlux2(
        block_out_channels=(8, 8, 8, 8),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        use_quant_conv=False,
        use_post_quant_conv=False,
        sample_size=64,
    )
    pipe = Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=vae,
        text_encoder=Qwen3ForCausalLM(_text(len(words), layers=3)),
        tokenizer=words,
        transformer=transformer,
        is_distilled=distilled,
    )
    return _saved(pipe, folder)


def z_image(folder: Path) -> Path:
    """A Z-Image pipeline: text to picture, no pictures beside the prompt."""
    torch.manual_seed(0)
    words = tokenizer()
    transformer = ZImageTransformer2DModel(
        in_channels=4,
        dim=32,
        n_layers=1,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=16,
        axes_dims=[8, 4, 4],
        axes_lens=[1024, 128, 128],
    )
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 8, 8, 8),
        latent_channels=4,
        norm_num_groups=4,
        use_quant_conv=False,
        use_post_quant_conv=False,
        scaling_factor=0.36,
        shift_factor=0.11,
    )
    pipe = ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=vae,
        text_encoder=Qwen3Model(_text(len(words), layers=2)),
        tokenizer=words,
        transformer=transformer,
    )
    return _saved(pipe, folder)


def qwen_edit(folder: Path) -> Path:
    """A Qwen-Image-Edit pipeline, part by part; its picture processor needs torchvision only to be loaded."""
    torch.manual_seed(0)
    words = tokenizer(VISION)
    parts: dict[str, Any] = {
        "scheduler": FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        "text_encoder": Qwen2_5_VLForConditionalGeneration(_text_and_sight(words)),
        "tokenizer": words,
        "transformer": QwenImageTransformer2DModel(
            in_channels=16,
            out_channels=4,
            num_layers=2,
            attention_head_dim=16,
            num_attention_heads=3,
            joint_attention_dim=16,
            axes_dims_rope=(8, 4, 4),
        ),
        "vae": AutoencoderKLQwenImage(
            base_dim=8,
            z_dim=4,
            dim_mult=[1, 2, 4, 4],
            num_res_blocks=1,
            latents_mean=[0.0] * 4,
            latents_std=[1.0] * 4,
        ),
    }
    for name, part in parts.items():
        part.save_pretrained(folder / name)
    words.save_pretrained(folder / "processor")
    sight = {
        "patch_size": 14,
        "merge_size": 2,
        "temporal_patch_size": 2,
        "min_pixels": 784,
        "max_pixels": 12544,
    }
    for kind, named in (("image", "preprocessor_config"), ("video", "video_preprocessor_config")):
        facts = {**sight, f"{kind}_processor_type": f"Qwen2VL{kind.title()}Processor"}
        _write(folder / "processor" / f"{named}.json", {**facts, "processor_class": "Qwen2VLProcessor"})
    classes = {name: [_library(part), type(part).__name__] for name, part in parts.items()}
    classes["processor"] = ["transformers", "Qwen2VLProcessor"]
    _write(folder / "model_index.json", {"_class_name": "QwenImageEditPlusPipeline", **classes})
    return folder


def tokenizer(extra: list[str] | None = None) -> Qwen2Tokenizer:
    """A byte-level tokenizer of some three hundred tokens, trained on a few sentences."""
    special = [*SPECIAL, *(extra or [])]
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trained.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=300, special_tokens=special, initial_alphabet=alphabet)
    )
    words = Qwen2Tokenizer(
        tokenizer_object=trained,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        unk_token="<|endoftext|>",
        additional_special_tokens=special,
    )
    words.chat_template = TEMPLATE
    return words


def _text(vocabulary: int, *, layers: int) -> Qwen3Config:
    return Qwen3Config(
        vocab_size=vocabulary + 16,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        max_position_embeddings=1024,
    )


def _text_and_sight(words: Qwen2Tokenizer) -> Qwen2_5_VLConfig:
    text = {
        "vocab_size": len(words) + 16,
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e6},
    }
    sight = {"depth": 2, "hidden_size": 16, "intermediate_size": 32, "num_heads": 2, "out_hidden_size": 16}
    marks = {
        f"{kind}_token_id": words.convert_tokens_to_ids(f"<|{name}|>")
        for kind, name in (
            ("image", "image_pad"),
            ("video", "video_pad"),
            ("vision_start", "vision_start"),
            ("vision_end", "vision_end"),
        )
    }
    return Qwen2_5_VLConfig(text_config=text, vision_config=sight, **marks)


def _library(part: Any) -> str:
    return type(part).__module__.partition(".")[0]


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def _saved(pipe: Any, folder: Path) -> Path:
    pipe.save_pretrained(folder, safe_serialization=True)
    return folder
