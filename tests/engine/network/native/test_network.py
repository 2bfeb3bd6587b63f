"""The native network: the model's logits, and the same bits however a conversation is read."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model

from support.native import CPU, HERE, distance, exact, llama, needs_native, read, use_level
from trajectune.engine.network.batch import Segment, make_batch
from trajectune.engine.network.cache import KVCache
from trajectune.engine.network.llama import LlamaNetwork
from trajectune.engine.network.native.network import NativeNetwork, aligned
from trajectune.engine.network.network import ModuleNetwork, make_network
from trajectune.errors import AgentError
from trajectune.models.adapters import attach
from trajectune.models.int8 import Int8Linear
from trajectune.models.loading import LoadedModel, rounded

pytestmark = needs_native
LEVELS = pytest.mark.parametrize("level", HERE)
PRECISIONS = pytest.mark.parametrize("precision", ["bf16", "int8"])
ROUGH = {"bf16": 0.03, "int8": 0.12}


def network_of(loaded: LoadedModel, level: str, precision: str = "bf16") -> NativeNetwork:
    if precision == "int8":
        loaded = rounded(LoadedModel(copy.deepcopy(loaded.model), loaded.tokenizer, loaded.name))
    with use_level(level):
        network = make_network(loaded)
    assert isinstance(network, NativeNetwork)
    return network


@LEVELS
@PRECISIONS
@pytest.mark.parametrize(
    "sizes",
    [
        {},
        {"hidden_size": 64, "intermediate_size": 96, "head_dim": 64},
        {"hidden_size": 128, "intermediate_size": 160, "num_attention_heads": 2, "num_key_value_heads": 1},
        {"hidden_size": 40, "intermediate_size": 52, "head_dim": 10, "num_key_value_heads": 4},
        {"hidden_size": 24, "head_dim": 34, "num_attention_heads": 6, "num_key_value_heads": 1},
        {"hidden_size": 28, "head_dim": 96, "num_attention_heads": 7, "num_key_value_heads": 1},
        {"hidden_size": 34, "head_dim": 32, "num_attention_heads": 17, "num_key_value_heads": 1},
        {"attention_bias": True, "tie_word_embeddings": True, "hidden_size": 64, "intermediate_size": 128},
    ],
    ids=[
        "small",
        "tiles",
        "wide heads",
        "odd",
        "many heads share",
        "seven share",
        "seventeen share",
        "biases",
    ],
)
def test_computes_the_model(level: str, precision: str, sizes: dict[str, int]) -> None:
    loaded = llama(**sizes)
    tokens = torch.randint(0, 301, (60,), generator=torch.Generator().manual_seed(1))
    network = network_of(loaded, level, precision)
    cache = KVCache(loaded, 2, 64)
    found = torch.cat(
        [read(network, cache, [(1, 0, tokens[:37])])[0], read(network, cache, [(1, 37, tokens[37:])])[0]]
    )
    assert distance(found, exact(loaded, tokens)) < ROUGH[precision]


@LEVELS
@PRECISIONS
def test_an_adapter_over_a_shared_base(level: str, precision: str, tmp_path: Path) -> None:
    """Its factors stay in bf16 whatever the base's weights are; the base itself is computed as before."""
    base = llama(hidden_size=64, intermediate_size=96, attention_bias=True, vocab_size=600)
    config = LoraConfig(r=3, target_modules=["q_proj", "v_proj", "o_proj", "up_proj", "down_proj"])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        adapted = get_peft_model(copy.deepcopy(base.model), config)
        for name, weight in adapted.named_parameters():
            if "lora_" in name:
                torch.nn.init.normal_(weight, std=0.3)
    adapted.save_pretrained(str(tmp_path))
    both = [base, attach(tmp_path, base)]
    if precision == "int8":
        done: dict[int, Int8Linear] = {}
        both = [rounded(model, done) for model in both]
    tokens = torch.randint(0, 301, (30,), generator=torch.Generator().manual_seed(4))
    with use_level(level):
        networks = [NativeNetwork(model) for model in both]
    found = [read(network, KVCache(base, 1, 32), [(0, 0, tokens)])[0] for network in networks]
    expected = [exact(model, tokens) for model in both]
    assert distance(found[0], found[1]) > 0.3
    for one, other in zip(found, expected, strict=True):
        assert distance(one, other) < 2 * ROUGH[precision]  # what factors give is rounded once more


@LEVELS
@pytest.mark.parametrize("size", [8, 32])
def test_a_window_hides_what_lies_before_it(level: str, size: int) -> None:
    loaded = llama(window=9, head_dim=size)
    tokens = torch.randint(0, 301, (40,), generator=torch.Generator().manual_seed(2))
    cache = KVCache(loaded, 1, 64)
    assert cache.windows == (9, 9)
    found = read(network_of(loaded, level), cache, [(0, 0, tokens)])[0]
    assert distance(found, exact(loaded, tokens)) < ROUGH["bf16"]


@LEVELS
@PRECISIONS
@settings(max_examples=15, deadline=None)
@given(
    cuts=st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=4), min_size=1, max_size=40),
    heads=st.sampled_from([(4, 2, 32), (7, 1, 64), (3, 3, 96), (17, 1, 32), (6, 2, 10)]),
    window=st.sampled_from([None, 9, 70]),
    threads=st.integers(1, 4),
)
def test_the_same_bits_in_any_batch_in_any_pieces_on_any_threads(
    level: str,
    precision: str,
    cuts: list[list[int]],
    heads: tuple[int, int, int],
    window: int | None,
    threads: int,
) -> None:
    """Rows are read a piece at a time, all together; each must be what it is alone, read at once."""
    names = ("num_attention_heads", "num_key_value_heads", "head_dim")
    shape = dict(zip(names, heads, strict=True))
    loaded = llama(window=window, hidden_size=16 * heads[0], intermediate_size=96, **shape)
    network = network_of(loaded, level, precision)
    rows = [torch.randint(0, 301, (sum(pieces),)) for pieces in cuts]
    cache = KVCache(loaded, len(rows), 167)
    together: list[list[torch.Tensor]] = [[] for _ in rows]
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        for turn in range(max(map(len, cuts))):
            running = [slot for slot, pieces in enumerate(cuts) if turn < len(pieces)]
            pasts = [sum(cuts[slot][:turn]) for slot in running]
            parts = [
                (slot, past, rows[slot][past : past + cuts[slot][turn]])
                for slot, past in zip(running, pasts, strict=True)
            ]
            for slot, logits in zip(running, read(network, cache, parts), strict=True):
                together[slot].append(logits)
    finally:
        torch.set_num_threads(before)
    for slot, row in enumerate(rows):
        alone = read(network, KVCache(loaded, 1, 167), [(0, 0, row)])[0]
        assert torch.equal(torch.cat(together[slot]), alone)


@LEVELS
@PRECISIONS
def test_the_same_bits_after_going_back_and_in_a_copied_slot(level: str, precision: str) -> None:
    loaded = llama(hidden_size=64, intermediate_size=96, head_dim=32)
    network = network_of(loaded, level, precision)
    tokens, other = torch.randint(0, 301, (2, 30))
    cache = KVCache(loaded, 2, 64)
    first = read(network, cache, [(0, 0, tokens)])[0]
    read(network, cache, [(0, 12, other)])  # drafted, then thrown away
    cache.copy(0, 1, 12)
    again, copied = read(network, cache, [(0, 12, tokens[12:]), (1, 12, tokens[12:])])
    assert torch.equal(again, first[12:])
    assert torch.equal(copied, first[12:])


@settings(max_examples=25, deadline=None)
@given(
    heads=st.sampled_from([(1, 1), (2, 1), (3, 3), (6, 2), (9, 3), (7, 1)]),
    size=st.sampled_from([2, 6, 8, 16, 18, 32, 48, 80]),
    width=st.integers(1, 20),
    inner=st.integers(1, 130),
    vocabulary=st.integers(2, 140),
    count=st.integers(1, 35),
    precision=st.sampled_from(["bf16", "int8"]),
    level=st.sampled_from(HERE or [""]),
)
def test_any_sizes(
    heads: tuple[int, int],
    size: int,
    width: int,
    inner: int,
    vocabulary: int,
    count: int,
    precision: str,
    level: str,
) -> None:
    """Whatever does not fill vectors, blocks, tiles or groups."""
    loaded = llama(
        num_attention_heads=heads[0],
        num_key_value_heads=heads[1],
        head_dim=size,
        hidden_size=heads[0] * width,
        intermediate_size=inner,
        vocab_size=vocabulary,
        num_hidden_layers=1,
    )
    tokens = torch.randint(0, vocabulary, (count,))
    found = read(network_of(loaded, level, precision), KVCache(loaded, 1, 40), [(0, 0, tokens)])[0]
    expected = exact(loaded, tokens)
    assert found.shape == expected.shape
    assert found.isfinite().all()
    assert (found - expected).abs().mean() < 0.25 * expected.abs().mean() + 0.02


@LEVELS
@pytest.mark.parametrize(
    ("tokens", "slot", "past", "place", "fault"),
    [
        ([5, 301], 0, 0, 0, "a token"),
        ([5, -1], 0, 0, 0, "a token"),
        ([5], 2, 0, 0, "a slot"),
        ([5], -1, 0, 0, "a slot"),
        ([5, 6], 0, 15, 0, "a position"),
        ([5, 6], 0, 0, 2, "logits"),
    ],
)
def test_what_is_not_there_is_refused(
    level: str, tokens: list[int], slot: int, past: int, place: int, fault: str
) -> None:
    loaded = llama()
    batch = make_batch([Segment(slot, past, len(tokens))], CPU)
    with pytest.raises(AgentError, match=fault):
        network_of(loaded, level)(
            torch.tensor(tokens), batch, KVCache(loaded, 2, 16), torch.tensor([place])
        )


def test_switched_off_bf16_takes_pytorchs_path_and_int8_the_modules(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with use_level("off"):
        assert isinstance(make_network(llama()), LlamaNetwork)
        assert not caplog.records
        assert isinstance(make_network(rounded(llama())), ModuleNetwork)
    assert "slowly in int8" in caplog.text


@LEVELS
def test_fp32_stays_with_pytorch(level: str) -> None:
    loaded = llama()
    loaded.model.float()
    with use_level(level):
        assert isinstance(make_network(loaded), LlamaNetwork)


@LEVELS
def test_weights_are_read_where_they_are(level: str) -> None:
    loaded = llama(hidden_size=64, intermediate_size=96)
    network_of(loaded, level)
    places = [weight.data_ptr() for weight in loaded.model.parameters() if weight.dim() == 2]
    assert all(place % 64 == 0 for place in places)
    network_of(loaded, level)
    assert places == [weight.data_ptr() for weight in loaded.model.parameters() if weight.dim() == 2]


def test_a_copy_is_aligned_and_equal() -> None:
    weight = torch.randn(7, 9).bfloat16()[1:, :]
    found = aligned(weight)
    assert found.data_ptr() % 64 == 0
    assert torch.equal(found, weight)


@LEVELS
def test_not_a_number_stays_in_its_row(level: str) -> None:
    loaded = llama()
    with torch.no_grad():
        loaded.model.model.embed_tokens.weight[7] = torch.nan  # pyright: ignore
    for precision in ("bf16", "int8"):
        network = network_of(loaded, level, precision)
        bad, good = read(
            network, KVCache(loaded, 2, 16), [(0, 0, torch.tensor([7])), (1, 0, torch.tensor([8]))]
        )
        assert bad.isnan().any()
        assert good.isfinite().all()
