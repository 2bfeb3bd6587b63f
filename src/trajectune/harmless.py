"""Text that a model, a file or a server wrote, made fit to be shown: the one place that does it.

The idea: nothing is left out, and nothing acts. What a terminal, a page or a reader's eye would obey, not
show (control characters, escape sequences, marks that turn the direction of the text round them, halves of
surrogate pairs, which no file can hold) is written as the escape that Python and JSON know.

Invariants: what is harmless stays as it is; the result can be encoded as UTF-8 and is harmless itself.
"""

from __future__ import annotations

import re

_HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and line feed
    "\u202a-\u202e\u2066-\u2069"  # embeddings, overrides and isolates of bidirectional text
    "\u2028\u2029\ud800-\udfff\ufff9-\ufffb\U000e0000-\U000e007f]"  # line ends, half pairs, invisible tags
)


def harmless(text: str) -> str:
    """The text with escapes in place of what must not be obeyed; CR LF is a line end."""
    return _HARMFUL.sub(_escaped, text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """`harmless` text on one line: stretches of white space are one blank."""
    return harmless(" ".join(text.split()))


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
