"""A visit to the shop: every way between its pages, purchases, and calls that are wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.contract import MAX_OBSERVATION_CHARS, StepResult
from trajectune.environments.web_shop.episode import TOOLS, ShopEpisode
from trajectune.environments.web_shop.shop.catalogue import Catalogue, stocked
from trajectune.environments.web_shop.shop.goal import Goal
from trajectune.environments.web_shop.shop.product import Product
from trajectune.trajectory import Fault, ToolCall

Do = Callable[[str, str], StepResult]
COAT = "B0COAT0001"


def test_the_first_page_is_the_wish(episode: ShopEpisode, wished: Goal) -> None:
    assert episode.observation.startswith(
        f"WebShop [SEP] Instruction: [SEP] {wished.instruction} [SEP] Search"
    )
    assert [tool.name for tool in TOOLS] == ["search", "click"]


def test_search_open_choose_and_buy(do: Do) -> None:
    assert (
        f"Next > [SEP] {COAT} [SEP] Nordby Waterproof" in do("search", "Waterproof rain COAT").observation
    )
    assert "color [SEP] black [SEP] navy" in do("click", COAT).observation
    assert do("click", "navy").fault is None
    bought = do("click", "Buy Now")
    assert (bought.done, bought.reward) == (True, 1.0)
    assert do("search", "hat") == bought  # the visit is over


@pytest.mark.parametrize(
    ("clicks", "reward"),
    [
        ([COAT, "buy now"], 0.75),
        ([COAT, "black", "buy now"], 0.75),
        ([COAT, "black", "navy", "buy now"], 1.0),  # the last choice counts
        ([COAT, "navy", "black", "buy now"], 0.75),
        ([COAT, "navy", "large", "Features", "< prev", "buy now"], 1.0),  # reading forgets no choice
        ([COAT, "navy", "< prev", COAT, "buy now"], 0.75),  # leaving does
        (["B0HAT00001", "buy now"], 0.25),  # the price alone
        (["B0MORE0001", "buy now"], 0.0),  # nothing asked for, and dearer
    ],
)
def test_what_purchases_earn(do: Do, clicks: list[str], reward: float) -> None:
    do("search", "rain coat plain hat")
    results = [do("click", each) for each in clicks]
    assert [result.fault for result in results] == [None] * len(clicks)
    assert (results[-1].done, results[-1].reward) == (True, reward)


def test_descriptions_features_and_reviews(do: Do) -> None:
    do("search", "rain coat")
    do("click", COAT)
    told = {
        "Description": "A coat for bad weather.",
        "FEATURES": "Comes with zip pockets. [SEP] Packed without any plastic.",
    }
    for name, text in told.items():
        assert f"< Prev [SEP] {text}\n\nAvailable" in do("click", name).observation
        assert "Buy Now" in do("click", "< Prev").observation
    assert "< Prev\n\nAvailable" in do("click", "Reviews").observation


def test_pages_of_results(do: Do) -> None:
    first = do("search", "coat").observation
    second = do("click", "Next >").observation
    third = do("click", "Next >").observation
    assert "Page 1 (Total results: 12)" in first
    assert "Page 2 (Total results: 12) [SEP] < Prev [SEP] Next >" in second
    assert first.count("B0MORE") > second.count("B0MORE") > 0
    assert "Page 3 (Total results: 12)" in third
    assert "$" not in third.partition("Next >")[2]
    assert do("click", "< Prev").observation == second
    assert do("click", "< Prev").observation == first


def test_back_leads_to_the_page_of_results_and_to_the_start(do: Do, episode: ShopEpisode) -> None:
    do("search", "coat")
    second = do("click", "Next >").observation
    code = second.partition("Next > [SEP] ")[2][:10]
    do("click", code)
    do("click", "Description")
    do("click", "< prev")
    assert do("click", "< prev").observation == second
    assert do("click", "Back to Search").observation == episode.observation
    assert "Page 1" in do("search", "hat").observation


def test_a_search_works_on_every_page_and_may_find_nothing(do: Do) -> None:
    do("search", "rain coat")
    assert do("click", COAT).fault is None
    assert "Page 1 (Total results: 1)" in do("search", "tea").observation
    assert "Page 1 (Total results: 0)" in do("search", "xyzzy").observation


@pytest.mark.parametrize("words", ["<r>", "<a> waterproof", "<c> Clothing", "<q> rain coat"])
def test_the_private_searches_of_webshops_authors_are_words_like_others(do: Do, words: str) -> None:
    found = do("search", words).observation
    assert do("search", words.strip("<>").replace(">", "")).observation == found


@pytest.mark.parametrize(
    ("before", "value"),
    [
        ([], "search"),
        ([], COAT),  # not on the page, though it is sold
        ([], "buy now"),
        (["coat"], "navy"),
        (["coat"], "B0TEA00001"),
        (["coat"], "< Prev"),
        (["rain coat", COAT], "Next >"),
        (["rain coat", COAT], "green"),
        (["rain coat", COAT], "color"),
        (["rain coat", COAT], "attributes"),
        (["rain coat", COAT, "Features"], "Buy Now"),
    ],
)
def test_what_is_not_there_cannot_be_clicked(do: Do, before: list[str], value: str) -> None:
    pages = [do("click" if place else "search", each) for place, each in enumerate(before)]
    result = do("click", value)
    assert result.fault is Fault.BAD_ARGUMENTS
    assert not result.done
    assert result.observation.startswith(
        f"This page has nothing to click that is called {value.lower()!r}. Nothing happens.\n\n"
    )
    if pages:
        assert result.observation.endswith(pages[-1].observation)


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        (ToolCall(name="buy", arguments={}), Fault.UNKNOWN_TOOL),
        (ToolCall(name="x" * 9_999), Fault.UNKNOWN_TOOL),
        (ToolCall(name="search"), Fault.BAD_ARGUMENTS),
        (ToolCall(name="search", arguments={"keywords": " "}), Fault.BAD_ARGUMENTS),
        (ToolCall(name="search", arguments={"keywords": 3}), Fault.BAD_ARGUMENTS),
        (ToolCall(name="search", arguments={"keywords": "a", "page": 2}), Fault.BAD_ARGUMENTS),
        (ToolCall(name="click", arguments={"value": None}), Fault.BAD_ARGUMENTS),
        (ToolCall(name="click", arguments={"keywords": "search"}), Fault.BAD_ARGUMENTS),
    ],
)
def test_wrong_calls_are_answered(episode: ShopEpisode, call: ToolCall, fault: Fault) -> None:
    result = episode.step(call)
    assert (result.fault, result.done, result.reward) == (fault, False, 0.0)
    assert result.observation.endswith(episode.observation)
    assert len(result.observation) <= MAX_OBSERVATION_CHARS


def test_what_changes_nothing_is_a_repetition(do: Do) -> None:
    assert do("search", "rain coat").fault is None
    assert do("search", " RAIN  COAT ").fault is Fault.REPETITION
    do("click", COAT)
    assert do("click", "navy").fault is None
    assert do("click", "NAVY").fault is Fault.REPETITION
    assert do("click", "black").fault is None
    assert do("click", "Buy Now").fault is None


def test_nobody_listens_and_closing_twice_is_fine(episode: ShopEpisode) -> None:
    assert episode.reply("one coat, please").fault is Fault.BAD_FORMAT
    episode.close()
    episode.close()


ODD = Product(
    "B0ODD00001",
    "Odd thing [SEP] with words",
    options={"a": ("buy now", "description", "next >"), "b": ("[sep]", "< prev")},
)
clicks = ["b0odd00001", "next >", "< prev", "buy now", "features", "[sep]", "back to search"]
searches = st.tuples(st.just("search"), st.text(max_size=20) | st.just("odd thing"))
moves = st.lists(
    searches | st.tuples(st.just("click"), st.sampled_from(clicks) | st.text(max_size=8)), max_size=12
)


@given(moves, st.sampled_from(["actions", "text"]))
def test_no_sequence_of_calls_breaks_a_visit(calls: list[tuple[str, str]], view) -> None:
    shop = stocked([ODD, Product("B0", "odd")])
    wished = Goal("odd", ODD.asin, ODD.title, "", (), ("odd",), ("[sep]",), 50.0)
    episode = ShopEpisode(shop, wished, view)
    for tool, value in calls:
        name = "keywords" if tool == "search" else "value"
        result = episode.step(ToolCall(name=tool, arguments={name: value}))
        assert 0 <= result.reward <= 1
        assert 0 < len(result.observation) <= MAX_OBSERVATION_CHARS
        assert result.reward == 0 or result.done


def test_two_visits_share_no_state(small_shop: Catalogue, wished: Goal) -> None:
    one, other = (ShopEpisode(small_shop, wished) for _ in range(2))
    one.step(ToolCall(name="search", arguments={"keywords": "coat"}))
    again = other.step(ToolCall(name="click", arguments={"value": COAT}))
    assert again.fault is Fault.BAD_ARGUMENTS
