"""A tiny random model that is complete in every respect but skill: `model: tiny` in a recipe.

The idea: a smoke run and the tests need a real folder with real weights, a real tokenizer and a real
chat template, in a second and without a download. It knows nothing and learns little; it exercises all.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from filelock import FileLock

from trajectune.storage import cache_dir, filling

TINY = "tiny"
"""The name under which a recipe asks for this model."""

MAX_VOCABULARY = 1_024
"""Upper limit of the byte-level vocabulary, special tokens included."""

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""The ChatML template without a default system message."""

_CORPUS = [
    "Work on the database with SQL, one statement at a time, then give the final answer as a list.",
    "Action: Operation\n```sql\nSELECT name, price FROM products WHERE stock > 10 ORDER BY stock;\n```",
    'Action: Answer\nFinal Answer: ["42", "blue"]',
    "INSERT INTO orders (id, city, total) VALUES (7, 'Lisbon', 12.5); UPDATE orders SET total = 3;",
    "DELETE FROM visits WHERE year < 1999; SELECT COUNT(*), SUM(cost), AVG(age), MIN(day), MAX(height)",
    "THOUGHT: the mug may be on the counter. ACTION: go to countertop 1. You see a knife and a plate.",
    'Thought: first look at the table. Action: sql Action Input: {"query": "SELECT 1"} Observation: [(1,)]',
    "The name of this table is Players, and the headers of this table are Name, Team, Goals, Matches.",
    "What is the capital of a country? How many rows are there? Which one is the largest, and why?",
]


def tiny_model() -> Path:
    """Folder of the tiny model in the cache; made on the first call."""
    folder = cache_dir() / "models" / "tiny-v1"
    if folder.is_dir():
        return folder
    with filling(folder), FileLock(f"{folder}.lock"):
        if not folder.is_dir():
            partial = folder.with_name(folder.name + ".partial")
            shutil.rmtree(partial, ignore_errors=True)
            write_tiny_model(partial).rename(folder)
    return folder


def write_tiny_model(folder: Path, seed: int = 0) -> Path:
    """Write a two-layer Llama-style model of about 90,000 weights with its tokenizer; gives `folder`."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    from trajectune.models.quiet import quiet

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=MAX_VOCABULARY,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(_CORPUS, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=CHATML,
        clean_up_tokenization_spaces=False,
    )
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4_096,
        bos_token_id=bpe.token_to_id("<|im_start|>"),
        eos_token_id=bpe.token_to_id("<|im_end|>"),
        pad_token_id=bpe.token_to_id("<|endoftext|>"),
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    with quiet():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return folder
