"""Where a reply meets a stop string.

The idea: a stop string counts in the text that is shown, and also in that text with the special tokens
written into it where they stand, so that `<|im_end|>` can be one. A *mark* is such a token: its text, and
how much text is shown before it.

Invariant: what is `certain` is never taken back, whatever comes later.
"""

from __future__ import annotations

from collections.abc import Sequence

from trajectune.models.chat.filter import overlap

Marks = Sequence[tuple[int, str]]
"""In order; a place in the shown text, and what stands there unseen."""


def find_stop(stops: Sequence[str], text: str, marks: Marks = ()) -> int | None:
    """Length of the shown text before the first stop string; None where there is none."""
    found = [at for stop in stops if (at := text.find(stop)) >= 0]
    if marks:
        written = _written(text, marks)
        found += [_shown(at, marks) for stop in stops if (at := written.find(stop)) >= 0]
    return min(found, default=None)


def certain(stops: Sequence[str], text: str, marks: Marks = ()) -> int:
    """Length of the shown text that cannot become part of a stop string."""
    sure = len(text) - max((overlap(text, stop) for stop in stops), default=0)
    if marks:
        written = _written(text, marks)
        at = len(written) - max((overlap(written, stop) for stop in stops), default=0)
        sure = min(sure, _shown(at, marks))
    return sure


def _written(text: str, marks: Marks) -> str:
    parts, done = [], 0
    for place, word in marks:
        parts += [text[done:place], word]
        done = place
    return "".join([*parts, text[done:]])


def _shown(at: int, marks: Marks) -> int:
    """The place in the shown text of a place in the written one."""
    unseen = 0
    for place, word in marks:
        if at <= place + unseen:
            break
        if at < place + unseen + len(word):
            return place
        unseen += len(word)
    return at - unseen
