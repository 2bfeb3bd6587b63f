"""Words in common decide, the rare ones more, and fields come before links that say nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from support.pages import tag
from trajectune.environments.web_navigation.page.page import Page
from trajectune.environments.web_navigation.ranking.lexical import LexicalRanker, words
from trajectune.environments.web_navigation.ranking.ranker import recall_at

RANKER = LexicalRanker()


def test_the_element_that_the_task_names_is_first() -> None:
    links = [tag("a", f"Page {n}", key=str(n), href="#") for n in range(8)]
    page = Page(tag("html", *links, tag("a", "Opening hours", key="hours", href="#")))
    assert RANKER.rank(page, "When are the opening hours of page 3?", [])[:2] == ["hours", "3"]


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    found = RANKER.scores("red lamp", [], ["a red", "a red", "a red", "a lamp"])
    assert found[3] > found[0]


def test_fields_and_buttons_come_before_links_without_a_word_in_common() -> None:
    found = RANKER.scores(
        "nothing fits", [], ["a x", "input x", "button x", "select x", "textarea x", "div x"]
    )
    assert min(found[1:5]) > max(found[0], found[5])


def test_equal_candidates_keep_the_order_of_the_page() -> None:
    page = Page(tag("html", *(tag("a", "same", key=str(n), href="#") for n in range(6))))
    assert RANKER.rank(page, "same", []) == ["0", "1", "2", "3", "4", "5"]


def test_words_are_plain() -> None:
    assert words("Please click the E-mail fields, Ada's class!") == [
        "e",
        "mail",
        "field",
        "ada",
        "s",
        "class",
    ]


@given(st.text(), st.lists(st.text(), max_size=6))
def test_any_texts_have_finite_scores(task: str, descriptions: list[str]) -> None:
    found = RANKER.scores(task, [], descriptions)
    assert len(found) == len(descriptions)
    assert all(0 <= score < 1e6 for score in found)
    assert found == RANKER.scores(task, ["done"], descriptions)


def test_recall_counts_the_places_before_the_cut() -> None:
    assert recall_at([0, 4, 5, 30], 5) == 0.5
    assert recall_at([], 5) == 0.0
