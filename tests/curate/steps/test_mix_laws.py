"""Laws of the mixture: what is drawn, what is held out, and what each source gets of the loss."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from trajectune.curate.steps.mix import (
    NO_SHARE,
    Mixture,
    MixtureSettings,
    SourceSettings,
    mix,
    question,
    shares,
)
from trajectune.errors import RecipeError
from trajectune.example import Example, Message

Sources = dict[str, list[Example]]


def rows(name: str, questions: list[int]) -> list[Example]:
    return [
        Example(
            id=f"{name}{number}",
            source="elsewhere",
            messages=[
                Message(role="user", content=f"{asked}?"),
                Message(role="assistant", content=f"{name} {number}", trained=True),
            ],
        )
        for number, asked in enumerate(questions)
    ]


def sources(*names: str) -> st.SearchStrategy[Sources]:
    """Some rows of each source; questions come again, also in other sources."""
    asked = st.lists(st.integers(0, 9), min_size=1, max_size=12)
    return st.fixed_dictionaries(dict.fromkeys(names, asked)).map(
        lambda found: {name: rows(name, questions) for name, questions in found.items()}
    )


AGENT, GENERAL = sources("db", "os"), sources("chat", "talk")
SETTINGS = st.builds(
    MixtureSettings,
    eta=st.sampled_from([0.0, 0.2, 0.5, 1.0]),
    validation=st.integers(0, 9),
    seed=st.integers(0, 3),
    sources=st.dictionaries(
        st.sampled_from(["db", "chat", "talk"]),
        st.builds(SourceSettings, rows=st.none() | st.integers(1, 5), weight=st.floats(0.1, 9)),
    ),
)


def mixed(agent: Sources, general: Sources, wanted: MixtureSettings) -> Mixture:
    try:
        return mix(agent, general, wanted)
    except RecipeError:  # everything general was held out, and nothing is left for its share
        assume(False)
        raise


@given(AGENT, GENERAL, SETTINGS)
@settings(deadline=None)
def test_every_row_is_trained_held_out_or_omitted_with_a_reason(
    agent: Sources, general: Sources, wanted: MixtureSettings
) -> None:
    found = mixed(agent, general, wanted)
    for name, given_rows in {**agent, **general}.items():
        count = found.counts[name]
        own = [row for row in (*found.train, *found.validation) if row.source == name]
        assert (count.rows_in, count.kept) == (len(given_rows), len(own))
        assert count.rejected.total() == len(given_rows) - len(own)
        assert {row.id for row in own} <= {row.id for row in given_rows}
        assert len({row.id for row in own}) == len(own)


@given(AGENT, GENERAL, SETTINGS)
@settings(deadline=None)
def test_shares_are_etas_and_a_source_without_one_trains_nothing(
    agent: Sources, general: Sources, wanted: MixtureSettings
) -> None:
    found = mixed(agent, general, wanted)
    assert abs(sum(found.shares.values()) - 1) < 1e-9
    assert abs(sum(found.shares.get(name, 0) for name in agent) - wanted.eta) < 1e-9
    assert {row.source for row in found.train} == set(found.shares)
    for name in {**agent, **general}.keys() - found.shares.keys():
        assert set(found.counts[name].rejected) <= {NO_SHARE, "its question is held out"}


@given(AGENT, GENERAL, SETTINGS)
@settings(deadline=None)
def test_a_cap_bounds_what_is_drawn_of_a_source(
    agent: Sources, general: Sources, wanted: MixtureSettings
) -> None:
    found = mixed(agent, general, wanted)
    for name, own in wanted.sources.items():
        drawn = sum(row.source == name for row in found.train)
        assert own.rows is None or drawn <= own.rows


@given(GENERAL, SETTINGS)
@settings(deadline=None)
def test_at_most_half_of_the_questions_are_held_out_each_once(
    general: Sources, wanted: MixtureSettings
) -> None:
    found = mixed({"db": rows("db", [1])}, general, wanted)
    held = [question(row) for row in found.validation]
    assert len(set(held)) == len(held) <= wanted.validation + len(general) / 2
    for name, own in general.items():
        questions = {question(row) for row in own}
        assert sum(row.source == name for row in found.validation) <= len(questions) / 2
    asked = {question(row) for row in found.train if row.source in general}
    assert not asked & set(held)


@given(AGENT, GENERAL, SETTINGS, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_only_the_seed_and_the_rows_decide(
    agent: Sources, general: Sources, wanted: MixtureSettings, random: st.DataObject
) -> None:
    def shuffled(group: Sources) -> Sources:
        names = sorted(group, reverse=True)
        return {name: sorted(group[name], key=lambda _: random.random()) for name in names}  # pyright: ignore

    one, two = mixed(agent, general, wanted), mixed(shuffled(agent), shuffled(general), wanted)
    assert one.train == two.train
    assert one.validation == two.validation
    assert one.shares == two.shares


@given(st.floats(0.01, 0.99), st.dictionaries(st.sampled_from("ab"), st.integers(1, 99), min_size=2))
def test_agent_sources_weigh_as_their_rows_do(eta: float, counts: dict[str, int]) -> None:
    found = shares(eta, counts, {"chat": 1.0})
    each = [found[name] / count for name, count in counts.items()]
    assert max(each) - min(each) < 1e-9 * max(each) * 10


@given(st.floats(0.01, 0.99), st.floats(0.01, 100), st.floats(0.01, 100), st.floats(0.1, 10))
def test_only_the_ratio_of_general_weights_counts(eta: float, a: float, b: float, scale: float) -> None:
    one = shares(eta, {"db": 1}, {"a": a, "b": b})
    two = shares(eta, {"db": 1}, {"a": a * scale, "b": b * scale})
    assert all(abs(one[name] - two[name]) < 1e-9 for name in one)
