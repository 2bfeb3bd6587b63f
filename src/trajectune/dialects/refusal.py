"""What declining to act sounds like: one set of rules for all who ask.

Dialects ask it of a reply in which they read no move, the error analysis of evaluation of what an agent
said in place of one. Only the beginning counts, since an agent that declines does so at once.

Invariant: to say what cannot be found (`I can't see a mug, so I look elsewhere`) is no refusal.
"""

from __future__ import annotations

import re

BEGINNING = 300
"""Characters in which a refusal must begin."""

_REFUSAL = re.compile(
    r"\b(?:(?:i am|i['’]?m) (?:sorry|unable|not able)"
    r"|i apologi[sz]e"
    r"|i (?:cannot|can not|can['’]?t|won['’]?t|will not) "
    r"(?:help|assist|do|perform|fulfil|provide|access|comply|answer|complete|execute|interact)"
    r"|as an ai\b|as a language model\b"
    r"|i (?:do not|don['’]?t) have (?:access|the ability))",
    re.IGNORECASE,
)


def sounds_like_refusal(words: str) -> bool:
    """Whether words without a tool call decline to act."""
    return _REFUSAL.search(words[:BEGINNING]) is not None
