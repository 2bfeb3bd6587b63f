"""Empty turns, other languages, answers from other pages."""

from __future__ import annotations

import pytest

from support.linted import acted, did, faults, findings, only, talk
from trajectune.curate.lint.finding import AROUND, MOST, DataFault, found
from trajectune.trajectory import Step

PAGE = """'''
<html> <button id=0> Desktop </button> <button id=1> 4K </button> </html>
'''
Task: Show the gaming PCs at 4k for Ann, order 0042
What should be the next action? Please select from the following choices:

A. None of the above
B. <button id=0> Desktop </button>
C. <button id=1> 4K </button>"""
SHOP = "Search with search[keywords] or click[value].\n\nBlue Shoe [SEP] B0ABC [SEP] Buy Now"
ENGLISH = "What is the capital of this country, and how many people live there?"


@pytest.mark.parametrize("words", ["", " \n\t"])
def test_a_user_who_says_nothing(words: str) -> None:
    assert faults(talk(("user", "Hi"), ("assistant", "Yes?"), ("user", words), ("assistant", "Well."))) == [
        ("empty_user_turn", 3)
    ]


def test_a_task_and_an_answer_without_words_but_not_a_tools_silence() -> None:
    assert faults(acted(did(of="x", observation=""), did("answer"))) == []
    nothing = acted(did("answer")).model_copy(update={"observation": " "})
    assert faults(nothing) == [("empty_user_turn", 1)]


@pytest.mark.parametrize(
    ("reply", "language"),
    [
        ("The capital is Rome. Я должен сначала посмотреть.", "Cyrillic"),
        ("我现在需要先看看这个页面上有什么。", "Chinese"),
        ("Ich weiß nicht, was das ist, aber ich werde es jetzt in der Liste suchen.", "German"),
        ("Ahora debo mirar lo que hay en la página y luego dar la respuesta.", "Spanish"),
        ("Je dois regarder ce que la page me dit et ensuite donner la réponse.", "French"),
    ],
)
def test_a_reply_in_a_language_that_nobody_else_speaks(reply: str, language: str) -> None:
    finding = only(talk(("user", ENGLISH), ("assistant", reply)), DataFault.MIXED_LANGUAGES)
    assert finding.why == f"{language} in a conversation that has none of it"
    assert finding.matched.strip() in reply


def test_english_is_foreign_too() -> None:
    asked = "Wie viele Menschen wohnen in der Stadt, und was ist das für ein Land?"
    row = talk(
        ("user", asked), ("assistant", "I need to look this up, and then I will tell you what it is.")
    )
    assert only(row, DataFault.MIXED_LANGUAGES).why.startswith("English")


@pytest.mark.parametrize(
    ("asked", "reply"),
    [
        (
            "Translate this into the other tongue: I do not know what this is.",
            "Я не знаю, что это такое, друг.",
        ),
        ("Say hello to all of my friends in Russian", "Привет всем моим друзьям и подругам!"),
        ("Кто это был и что он сделал?", "Это был писатель, который написал книгу."),
        ("Who wrote the song?", "It is by Антон."),
        (ENGLISH, "`SELECT der, die, das, und, ist, nicht, ein, eine FROM zu`"),
        (
            "Wer ist das, und was macht er in der Stadt?",
            "Er ist der Bäcker, und er wohnt nicht in der Stadt.",
        ),
    ],
)
def test_what_was_asked_for_or_is_a_name_or_code_is_no_fault(asked: str, reply: str) -> None:
    assert faults(talk(("user", asked), ("assistant", reply))) == []


@pytest.mark.parametrize(
    ("reply", "matched"),
    [
        ("Thought: I take 4K.\nAnswer: E.\nAction: CLICK", "E"),
        ("Thought: I enter it.\nAnswer: B.\nAction: TYPE\nValue: Chicago Bears", "Chicago Bears"),
        (
            "Thought: I need a price quote for a new car from the dealer.\nAnswer: B.\nAction: CLICK",
            "I need a price quote for a new car from the dealer.",
        ),
    ],
)
def test_an_answer_for_another_page(reply: str, matched: str) -> None:
    finding = only(talk(("user", PAGE), ("assistant", reply)), DataFault.WRONG_PAGE)
    assert (finding.turn, finding.matched) == (2, matched)


@pytest.mark.parametrize(
    "reply",
    [
        "Thought: The gaming PCs are to be at 4K.\nAnswer: C.\nAction: CLICK",
        "Thought: Nothing here brings the task forward.\nAnswer: A.",
        "Thought: The order number goes here.\nAnswer: B.\nAction: TYPE\nValue: 42",
    ],
)
def test_an_answer_for_this_page(reply: str) -> None:
    assert faults(talk(("user", PAGE), ("assistant", reply))) == []


def test_a_known_row_with_an_action_that_there_is_not_has_two_faults() -> None:
    reply = "Thought: The maximum budget needs to be set.\nAnswer: C.\nAction: SET\nValue: $50,000"
    assert faults(talk(("user", PAGE), ("assistant", reply))) == [("bad_arguments", 2), ("wrong_page", 2)]


@pytest.mark.parametrize(("value", "is_there"), [("Buy Now", True), ("buy now", True), ("Red Shoe", False)])
def test_a_click_on_what_the_shop_shows(value: str, is_there: bool) -> None:
    reply = f"Thought:\nI take it.\n\nAction:\nclick[{value}]"
    assert faults(talk(("user", SHOP), ("assistant", reply))) == ([] if is_there else [("wrong_page", 2)])


def test_a_click_in_a_trajectory_is_held_against_the_page_before_it() -> None:
    tools = [tool.model_copy(update={"name": name, "parameters": {}}) for tool, name in _two()]
    steps: list[Step] = [
        did("search", keywords="shoe", observation="Blue Shoe"),
        did("click", value="Red Shoe"),
    ]
    row = acted(*steps).model_copy(update={"tools": tools})
    assert faults(row) == [("wrong_page", 2)]


def _two() -> list[tuple]:
    tool = acted().tools[0]
    return [(tool, "search"), (tool, "click")]


def test_a_finding_shows_its_words_with_a_little_around_them() -> None:
    text = "a" * 500 + "HERE" + "b" * 500
    finding = found(DataFault.LOOP, 1, "why", text, 500, 504)
    assert (finding.before, finding.matched, finding.after) == ("a" * AROUND, "HERE", "b" * AROUND)
    assert len(found(DataFault.LOOP, 1, "why", text).matched) == MOST


def test_findings_of_a_row_stand_in_the_order_of_the_checks() -> None:
    row = talk(("user", ""), ("assistant", "我现在需要先看看这个页面上有什么。"))
    assert [finding.fault for finding in findings(row)] == [
        DataFault.EMPTY_USER_TURN,
        DataFault.MIXED_LANGUAGES,
    ]
