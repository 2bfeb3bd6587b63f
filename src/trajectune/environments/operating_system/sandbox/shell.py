"""How a command is written to the shell in a box, and how the end of its output is found.

The idea: the shell reads lines from a pipe. A command is one line: it is evaluated in the shell itself, so
that variables, functions and the working directory stay, with nothing on its standard input, so that a
program that waits for an answer gets none and goes on. Then the shell prints a mark, new for each command
and drawn at random, with the status. A pipe, not a terminal: no echo, no prompt, no control codes, no
terminal to push characters into, and a step takes a fraction of a millisecond.

Invariant: the mark never stands in what the shell is sent (its halves stand apart), so a shell that
repeats its input (`set -v`) does not end an output early.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

MAX_SCRIPT = 16_000
"""Bytes of a script; what is sent may be four times as long, and must fit a pipe."""

_QUOTED = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r"}
_SPECIAL = re.compile(r"[\\'\n\r\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")


def unfit(script: str) -> str:
    """Why a script cannot be sent, as the end of a sentence; empty where it can."""
    if "\0" in script:
        return "holds a NUL character"
    try:
        size = len(script.encode())
    except UnicodeEncodeError:
        return "holds half a character"
    return f"is longer than {MAX_SCRIPT} bytes" if size > MAX_SCRIPT else ""


def quoted(text: str) -> str:
    """`text` as one word of bash on one line."""
    return "$'" + _SPECIAL.sub(lambda m: _QUOTED.get(m[0], f"\\{ord(m[0]):03o}"), text) + "'"


@dataclass(frozen=True, slots=True)
class Line:
    """What is sent for one command, and the mark that will end its output."""

    sent: bytes
    mark: bytes

    @classmethod
    def of(cls, script: str) -> Line:
        """The line for a script that is not `unfit`."""
        one, two = secrets.token_hex(8), secrets.token_hex(8)
        sent = (
            f"{{ builtin eval -- {quoted(script)}; }} </dev/null >&7 2>&1 7>&-; "
            f"builtin printf '\\n%s%s:%d\\n' {one} {two} \"$?\" >&7\n"
        )
        return cls(sent.encode(), f"\n{one}{two}:".encode())
