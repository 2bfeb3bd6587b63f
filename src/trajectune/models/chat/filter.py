"""Of a reply that is streamed, the words that are certainly neither thought nor call.

Invariant: what is shown is a beginning of the words that `read_reply` finds in the whole.
"""

from __future__ import annotations

from collections.abc import Sequence

from trajectune.models.chat.forms import CallForm
from trajectune.models.chat.forms.contract import overlap
from trajectune.models.chat.reading import ReadReply, read_reply
from trajectune.models.chat.thought import PLAIN, Thought
from trajectune.trajectory import Tool

__all__ = ["CallFilter", "overlap"]


class CallFilter:
    """Holds back what may be a thought or a call, until the reply is whole."""

    def __init__(self, form: CallForm, tools: Sequence[Tool] = (), thought: Thought = PLAIN) -> None:
        self._form = form
        self._tools = tools
        self._thought = thought
        self._text = ""
        self._words = -1
        self.reasoning = ""
        """The thought, as soon as it is whole."""
        self._sent = 0

    def push(self, delta: str) -> str:
        """More of the reply; gives what can be shown of it."""
        self._text += delta
        if self._words < 0:
            if self._thought.undecided(self._text):
                return ""
            parted = self._thought.part(self._text)
            self._words = parted.words
            self.reasoning = self._text[parted.start : parted.end].strip()
        words = self._text[self._words :]
        # Space in front of a call is no part of the words, so it has to wait as well.
        shown = words[self._sent : self._form.certain(words, self._sent)].rstrip()
        self._sent += len(shown)
        return shown

    def finish(self) -> ReadReply:
        """The thought, the words that were not shown, and the calls."""
        whole = read_reply(self._text, self._thought, self._form, self._tools)
        return whole._replace(content=whole.content[self._sent :])
