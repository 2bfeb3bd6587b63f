"""Tokenizers of several kinds and chat templates of several families, trained on a few lines of text."""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from trajectune.models.templates import END_SIGN, HUMAN_SIGN

CORPUS = [
    "Action: Operation\n```sql\nSELECT name FROM players WHERE goals > 10;\n```",
    "THOUGHT: the mug may be on the counter.\nACTION: go to countertop 1\n\n\n",
    "Naïve café, 東京 and Ελλάδα: 👩‍👩‍👧 counts 42 rows.   Then the answer is here\n\n- one\n- two",
    f"user assistant system [INST] [/INST] <|Human|>{HUMAN_SIGN}x{END_SIGN}\n <|Assistant|>{HUMAN_SIGN}",
] * 3
QWEN_SPLIT = (
    r"(?i:'s|'t|'re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SMOLLM2_TEMPLATE = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a small assistant.<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def byte_level(template: str, specials: list[str], *, qwen: bool = False) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer as GPT-2 and SmolLM2 have it; `qwen` splits and normalises as Qwen."""
    bpe = Tokenizer(models.BPE())
    if qwen:
        bpe.normalizer = normalizers.NFC()
        bpe.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(QWEN_SPLIT), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
    else:
        bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=specials,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(CORPUS, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, chat_template=template, bos_token=specials[0], eos_token=specials[-1]
    )


def sentencepiece_like(template: str, more: Sequence[str] = ()) -> PreTrainedTokenizerFast:
    """A BPE tokenizer as Llama-2's: metaspaces, characters, and bytes for what is unknown."""
    bpe = _pieces(["<unk>", "<s>", "</s>", *more])
    bpe.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    return _fast(bpe, template, strip=True)


def phi_like(template: str) -> PreTrainedTokenizerFast:
    """As Phi-3's: a space is put before each text; marks take the space behind them; decoding adds one."""
    bpe = _pieces(["<unk>", "<s>", "</s>"])
    bpe.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    marks = ["<|system|>", "<|user|>", "<|assistant|>", "<|end|>", "<|endoftext|>"]
    bpe.add_special_tokens([AddedToken(mark, normalized=False, rstrip=True) for mark in marks])
    return _fast(bpe, template, strip=True, eos="<|endoftext|>")


def gemma_like(template: str) -> PreTrainedTokenizerFast:
    """As Gemma's: spaces become metaspaces and nothing is put before a text."""
    bpe = _pieces(["<pad>", "<unk>", "<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"])
    bpe.normalizer = normalizers.Replace(" ", "▁")
    bpe.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    return _fast(bpe, template, strip=False, bos="<bos>", eos="<eos>", pad="<pad>")


def _pieces(specials: list[str]) -> Tokenizer:
    signs = sorted(set("".join(CORPUS).replace(" ", "")) - set("東京👩👧") | {"▁"})
    tokens = [*specials, *(f"<0x{byte:02X}>" for byte in range(256)), *signs]
    merges: list[tuple[str, str]] = []
    for word in ("▁Action", "▁the", "▁SELECT", "▁▁", "▁[INST]", "[/INST]"):
        parts = list(word)
        while len(parts) > 1:
            pair = (parts[0], parts[1])
            merges += [pair] if pair not in merges else []
            parts[:2] = ["".join(pair)]
            tokens += [parts[0]] if parts[0] not in tokens else []
    vocabulary = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    bpe = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    bpe.add_special_tokens([AddedToken(token, normalized=False) for token in specials])
    return bpe


def _fast(
    bpe: Tokenizer,
    template: str,
    *,
    strip: bool,
    bos: str = "<s>",
    eos: str = "</s>",
    pad: str | None = None,
) -> PreTrainedTokenizerFast:
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    bpe.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)] if strip else steps)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        chat_template=template,
        bos_token=bos,
        eos_token=eos,
        pad_token=pad,
        unk_token="<unk>",
    )


CHATML_SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
LLAMA_3_SPECIALS = ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
