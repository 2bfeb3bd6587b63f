"""The mixture: shares of the loss, seeded rows, and questions held out for good."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.curate.steps.mix import (
    HELD_OUT,
    NO_SHARE,
    OVER_ROWS,
    MixtureSettings,
    SourceSettings,
    manifest,
    mix,
    question,
    shares,
)
from trajectune.errors import RecipeError
from trajectune.example import Example, Message

NAMES = st.text(alphabet="abcdef", min_size=1, max_size=4)


def examples(name: str, count: int, *, same: int = 1) -> list[Example]:
    """`count` conversations; `same` in a row ask the same question."""
    return [
        Example(
            id=f"{name}{index}",
            source="elsewhere",
            messages=[
                Message(role="user", content=f"{name} {index // same}?"),
                Message(role="assistant", content=str(index), trained=True),
            ],
        )
        for index in range(count)
    ]


def test_shares_of_the_paper() -> None:
    found = shares(0.2, {"db": 30, "os": 10}, {"gpt-4": 0.2, "gpt-3.5": 0.8})
    assert found == pytest.approx({"db": 0.15, "os": 0.05, "gpt-4": 0.16, "gpt-3.5": 0.64})


@given(
    st.floats(0, 1),
    st.dictionaries(NAMES, st.integers(1, 1000), min_size=1, max_size=5),
    st.dictionaries(NAMES.map(str.upper), st.floats(0.01, 100), min_size=1, max_size=5),
)
def test_shares_sum_to_one_and_the_agent_gets_eta(
    eta: float, agent: dict[str, int], general: dict[str, float]
) -> None:
    found = shares(eta, agent, general)
    assert sum(found.values()) == pytest.approx(1)
    assert sum(found.get(name, 0) for name in agent) == pytest.approx(eta)


@pytest.mark.parametrize(("eta", "kept", "names"), [(1.0, "agent", {"db"}), (0.0, "general", {"chat"})])
def test_one_group_alone(eta: float, kept: str, names: set[str]) -> None:
    mixture = mix(
        {"db": examples("d", 9)}, {"chat": examples("c", 9)}, MixtureSettings(eta=eta, validation=2)
    )
    assert mixture.shares == dict.fromkeys(names, 1.0), kept
    (other,) = {"db", "chat"} - names
    assert mixture.counts[other].rejected == {
        NO_SHARE: mixture.counts[other].rows_in - 2 * (other == "chat")
    }
    assert {example.source for example in mixture.train} == names
    assert len(mixture.validation) == 2


def test_a_group_with_a_share_and_no_data_is_an_error() -> None:
    with pytest.raises(RecipeError, match="set eta to 1"):
        shares(0.5, {"db": 3}, {})
    with pytest.raises(RecipeError, match="set eta to 0"):
        shares(0.5, {"db": 0}, {"chat": 1})
    with pytest.raises(RecipeError, match="share names: x"):
        shares(0.5, {"x": 1}, {"x": 1})


def test_rows_are_drawn_by_seed_and_not_by_order() -> None:
    agent, general = {"db": examples("d", 40)}, {"chat": examples("c", 40)}
    sources = {"db": SourceSettings(rows=10)}
    first = mix(agent, general, MixtureSettings(sources=sources, seed=1))
    turned = mix({"db": agent["db"][::-1]}, general, MixtureSettings(sources=sources, seed=1))
    other = mix(agent, general, MixtureSettings(sources=sources, seed=2))
    assert [e.id for e in first.train] == [e.id for e in turned.train]
    assert {e.id for e in first.train} != {e.id for e in other.train}
    assert sum(e.source == "db" for e in first.train) == 10
    assert (first.counts["db"].kept, first.counts["db"].rejected) == (10, {OVER_ROWS: 30})
    assert first.counts["chat"].rejected == {}


@given(st.integers(0, 100), st.integers(1, 4), st.integers(0, 60))
def test_held_out_questions_are_never_trained(seed: int, same: int, validation: int) -> None:
    general = {"a": examples("q", 30, same=same), "b": examples("q", 24, same=same)}
    settings = MixtureSettings(
        eta=0.5, seed=seed, validation=validation, sources={"a": SourceSettings(weight=3)}
    )
    mixture = mix({"db": examples("d", 5)}, general, settings)
    trained = {question(example) for example in mixture.train}
    held = [question(example) for example in mixture.validation]
    assert not trained & set(held)
    assert len(set(held)) == len(held)
    counts = mixture.counts
    assert {name: count.rows_in for name, count in counts.items()} == {"a": 30, "b": 24, "db": 5}
    assert sum(count.kept for count in counts.values()) == len(mixture.train) + len(mixture.validation)
    asking = sum(question(example) in held for rows in general.values() for example in rows)
    assert sum(count.rejected[HELD_OUT] for count in counts.values()) == asking - len(held)


def test_rows_with_one_instruction_are_drawn_by_seed_too() -> None:
    agent = {"db": examples("d", 40, same=40)}
    drawn = [
        {
            e.id
            for e in mix(
                agent, {}, MixtureSettings(eta=1, seed=s, sources={"db": SourceSettings(rows=9)})
            ).train
        }
        for s in range(2)
    ]
    assert drawn[0] != drawn[1]


def test_validation_goes_by_weight() -> None:
    general = {"gpt-4": examples("a", 50), "gpt-3.5": examples("b", 50)}
    sources = {"gpt-4": SourceSettings(weight=0.2), "gpt-3.5": SourceSettings(weight=0.8)}
    mixture = mix({}, general, MixtureSettings(eta=0, validation=20, sources=sources))
    assert [e.source for e in mixture.validation].count("gpt-4") == 4
    assert [e.source for e in mixture.validation].count("gpt-3.5") == 16


@dataclass
class Counted:
    """A row with made-up lengths."""

    source: str
    tokens: int
    trained_tokens: int

    def __len__(self) -> int:
        return self.tokens


def test_manifest_counts_by_source() -> None:
    rows = [Counted("db", 10, 4), Counted("db", 20, 5), Counted("chat", 10, 1)]
    found = manifest(rows, {"db": 0.2, "chat": 0.8})
    assert found["db"]["rows"] == 2
    assert found["db"]["tokens"] == 30
    assert found["db"]["share_of_tokens"] == pytest.approx(0.75)
    assert found["db"]["share_of_trained_tokens"] == pytest.approx(0.9)
    assert found["chat"]["share_of_loss"] == 0.8
