"""Trains a tiny Llama on questions and answers (JSON on stdin) and writes it as GGUF.

A program of its own, run by tiny_model.py: `python tiny_model_training.py OUT.gguf`. The layout of
the file is that of llama.cpp's conversion for the architecture "llama".
"""
# mypy: ignore-errors
# Its packages live in an environment of their own, so that nothing here can be type-checked.

import json
import sys

import numpy as np
import torch
from gguf import GGUFWriter, TokenType
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM

SPECIAL = ["<unk>", "<|im_start|>", "<|im_end|>", "<pad>"]
START, END, PAD = 1, 2, 3
STEPS = 500
CONTEXT = 512
# Jinja drops a line end that stands last, so that one is an expression.
CHAT_TEMPLATE = (
    "{% set asked = messages[-1]['content'].split('Question:')[-1].strip() %}"
    "<|im_start|>user\n{{ asked }}<|im_end|>\n<|im_start|>assistant{{ '\\n' }}"
)


def main() -> None:
    answers = json.load(sys.stdin)
    tokenizer = make_tokenizer([*answers, *answers.values()])
    model = train(answers, tokenizer)
    write(model, tokenizer, sys.argv[1])


def make_tokenizer(texts: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=512, special_tokens=SPECIAL, initial_alphabet=alphabet)
    tokenizer.train_from_iterator([*texts, "user assistant\n"], trainer)
    return tokenizer


def train(answers: dict[str, str], tokenizer: Tokenizer) -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        bos_token_id=START,
        eos_token_id=END,
        pad_token_id=PAD,
        tie_word_embeddings=False,
    )
    model = LlamaForCausalLM(config)
    tokens, labels = batch(answers, tokenizer)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(STEPS):
        loss = model(input_ids=tokens, attention_mask=tokens != PAD, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if loss.item() > 0.02:
        raise SystemExit(f"the model has not learnt its answers (loss {loss.item():.3f})")
    return model


def batch(answers: dict[str, str], tokenizer: Tokenizer) -> tuple[torch.Tensor, torch.Tensor]:
    rows, targets = [], []
    for question, answer in answers.items():
        head = tokenizer.encode(
            f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
        ).ids
        tail = tokenizer.encode(f"{answer}<|im_end|>").ids
        rows.append(head + tail)
        targets.append([-100] * len(head) + tail)
    width = max(map(len, rows))
    tokens = torch.tensor([row + [PAD] * (width - len(row)) for row in rows])
    labels = torch.tensor([row + [-100] * (width - len(row)) for row in targets])
    return tokens, labels


def write(model: LlamaForCausalLM, tokenizer: Tokenizer, path: str) -> None:
    config = model.config
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(config.vocab_size)
    add_tokenizer(writer, tokenizer)
    for name, weight in model.state_dict().items():
        values = weight.detach().float().numpy()
        if "q_proj" in name:
            values = permuted(values, config.num_attention_heads)
        elif "k_proj" in name:
            values = permuted(values, config.num_key_value_heads)
        writer.add_tensor(tensor_name(name), values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_tokenizer(writer: GGUFWriter, tokenizer: Tokenizer) -> None:
    whole = json.loads(tokenizer.to_str())["model"]
    ordered = sorted(whole["vocab"].items(), key=lambda item: item[1])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([token for token, _ in ordered])
    kinds = [TokenType.CONTROL if t in SPECIAL else TokenType.NORMAL for t, _ in ordered]
    writer.add_token_types(kinds)
    merges = [m if isinstance(m, str) else " ".join(m) for m in whole["merges"]]
    writer.add_token_merges(merges)
    writer.add_bos_token_id(START)
    writer.add_eos_token_id(END)
    writer.add_pad_token_id(PAD)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def permuted(values: np.ndarray, heads: int) -> np.ndarray:
    """llama.cpp keeps the halves of each rotary pair side by side."""
    rows = values.shape[0]
    return values.reshape(heads, 2, rows // heads // 2, -1).swapaxes(1, 2).reshape(values.shape)


def tensor_name(name: str) -> str:
    fixed = {
        "model.embed_tokens.weight": "token_embd.weight",
        "model.norm.weight": "output_norm.weight",
        "lm_head.weight": "output.weight",
    }
    if name in fixed:
        return fixed[name]
    _, _, block, *rest, _ = name.split(".")
    parts = {
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
    }
    return f"blk.{block}.{parts['.'.join(rest)]}.weight"


if __name__ == "__main__":
    main()
