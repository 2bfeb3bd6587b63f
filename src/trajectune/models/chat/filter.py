"""Of a reply that is streamed, the text that is certainly not part of a call.

Invariant: the text that is shown is a beginning of the text that `CallForm.read` gives for the whole.
"""

from __future__ import annotations

from collections.abc import Sequence

from trajectune.models.chat.forms import CallForm
from trajectune.trajectory import Tool, ToolCall


class CallFilter:
    """Holds back what may be a call, until the reply is whole."""

    def __init__(self, form: CallForm, tools: Sequence[Tool] = ()) -> None:
        self._form = form
        self._tools = tools
        self._text = ""
        self._sent = 0

    def push(self, delta: str) -> str:
        """More of the reply; gives what can be shown of it."""
        self._text += delta
        certain = self._form.opening(self._text, self._sent)
        if certain < 0:
            certain = len(self._text) - max(overlap(self._text, word) for word in self._form.openings)
        # Space in front of a call is no part of the text, so it has to wait as well.
        shown = self._text[self._sent : certain].rstrip()
        self._sent += len(shown)
        return shown

    def finish(self) -> tuple[str, list[ToolCall]]:
        """The text that was not shown, and the calls."""
        text, calls = self._form.read(self._text, self._tools)
        return text[self._sent :], calls


def overlap(text: str, marker: str) -> int:
    """Length of the longest end of `text` that is a beginning, and not the whole, of `marker`."""
    sizes = range(min(len(text), len(marker) - 1), 0, -1)
    return next((size for size in sizes if text.endswith(marker[:size])), 0)
