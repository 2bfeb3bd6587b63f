"""Text of models is shown, never obeyed: on a terminal, on a page, in a file."""

from __future__ import annotations

import io

from hypothesis import example, given
from hypothesis import strategies as st
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from trajectune.harmless import harmless, one_line
from trajectune.terminal import Terminal

TEXT = st.text(
    st.characters() | st.sampled_from("\x1b\x9b\r\x07\x00\u202e\u2066\u2028\ud800\U000e0041\n\t")
)
OBEYED = {
    *map(chr, [*range(9), *range(11, 32), *range(127, 160)]),
    *"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029",
}


@given(text=TEXT)
@example(text="\x1b]8;;http://x\x07\x1b[2J")
@example(text="\r\n\r")
def test_nothing_is_left_that_would_be_obeyed_and_the_result_can_be_written(text: str) -> None:
    shown = harmless(text)
    shown.encode("utf-8")
    assert not OBEYED & set(shown)
    assert harmless(shown) == shown
    assert "\n" not in one_line(text)


@given(text=st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
@example(text="👩‍👩‍👧 שלום नमस्ते\n\tзд\u200f")
def test_what_is_harmless_stays(text: str) -> None:
    assert harmless(text) == text


def test_the_escapes_are_those_that_programmers_know() -> None:
    assert harmless("a\x1b[31m\u202eb\ud800\r\nc") == "a\\x1b[31m\\u202eb\\ud800\nc"


def printed(*things: object) -> str:
    page = io.StringIO()
    terminal = Terminal(file=page, force_terminal=True, width=60)
    for thing in things:
        terminal.print(thing)
    return page.getvalue()


def test_a_terminal_obeys_its_own_styles_alone() -> None:
    table = Table("reply")
    table.add_row("in a table \x1b[2J\u202e\ud800")
    shown = printed("[bold]ours[/] " + escape("theirs \x1b[2J \x07 \u2066"), table, Text("\x1b[2J"))
    assert "\x1b[1mours" in shown
    assert "│ in a table \\x1b[2J\\u202e\\ud800 │" in shown
    assert "\\x07 \\u2066\n" in shown
    assert "\x1b[2J" not in shown
    assert not {"\x07", "\u202e", "\u2066", "\ud800"} & set(shown)
    shown.encode("utf-8")
