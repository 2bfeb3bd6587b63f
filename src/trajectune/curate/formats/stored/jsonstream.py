"""JSON values one after another out of a stream: a big array, or values that follow each other.

The idea: Python's decoder can say where a value ends, so a window of the text is enough; the file is
never whole in memory. Line numbers are counted on the way, for messages.

Invariants: the window holds at most one unfinished value and one chunk. A value that is written well but
cannot be taken (nested too deep, a number too large, longer than memory allows) costs itself alone: its end
is found by its brackets.
"""

from __future__ import annotations

import codecs
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator
from typing import IO, Any, cast

from trajectune.storage import (
    MAX_LINE_BYTES,
    Rejected,
    RejectedSink,
    Row,
    json_type,
    strict_decoder,
    value_fault,
)

CHUNK_BYTES = 1 << 20
DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile)
"""How an archive that ends early, or whose content or checksum is wrong, shows itself."""
_SPACE_AND_COMMAS = " \t\r\n,"


class _Window:
    """The part of the text that is in memory, and the line at which it begins."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = cast("io.BufferedIOBase", file)
        # bytes that are no UTF-8 become lone surrogates, so that only their own row is rejected
        self.decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        self.text = ""
        self.line = 1
        self.ended = False

    def fill(self, size: int = CHUNK_BYTES) -> None:
        """Take in about `size` more bytes; what stands before damage in an archive is taken in first."""
        data = b""
        while len(data) < size:
            try:
                part = self.file.read1(size - len(data))
            except DAMAGE:
                if data:
                    break  # reading on raises it again
                raise
            if not part:
                break
            data += part
        self.ended = not data
        self.text += self.decoder.decode(data, final=self.ended)

    def drop(self, end: int) -> None:
        self.line += self.text.count("\n", 0, end)
        self.text = self.text[end:]

    def skip(self, characters: str) -> None:
        while True:
            rest = self.text.lstrip(characters)
            self.drop(len(self.text) - len(rest))
            if self.text or self.ended:
                return
            self.fill()


class _UnusableError(ValueError):
    """A value that cannot be taken, while its text may go on as JSON does."""


def read_stream(file: IO[bytes], rejected: RejectedSink) -> Iterator[Row]:
    """The objects of a JSON array, or of values that follow each other. `Row.line` is where one begins.

    After a mistake in the text itself nothing can be trusted: the rest is rejected as one row.
    """
    window = _Window(file)
    try:
        yield from _values(window, rejected)
    except ValueError as error:
        rejected.append(Rejected(window.line, f"{error}; nothing after it can be read"))
    except DAMAGE:
        rejected.append(Rejected(window.line, "the compressed data is damaged from here on"))


def _values(window: _Window, rejected: RejectedSink) -> Iterator[Row]:
    window.skip(" \t\r\n")
    is_array = window.text.startswith("[")
    window.drop(1 if is_array else 0)
    before, part = 0, 0
    while True:
        window.skip(_SPACE_AND_COMMAS)
        if not window.text:
            if is_array:
                rejected.append(Rejected(window.line, "the array is torn: expected ] at its end"))
            return
        if is_array and window.text.startswith("]"):
            window.drop(1)
            window.skip(" \t\r\n")
            if window.text:
                rejected.append(Rejected(window.line, "the array has ended: nothing behind it can be read"))
            return
        line = window.line
        before, part = line, part + 1 if line == before else 0
        try:
            value = _next_value(window)
        except _UnusableError as error:
            if not _skip_value(window):
                raise
            rejected.append(Rejected(line, str(error)))
            continue
        if isinstance(value, dict):
            yield Row(line, value, part)
        else:
            rejected.append(Rejected(line, f"expected a JSON object, found {json_type(value)}"))


def _next_value(window: _Window) -> Any:
    """Decode the value at the start of the window, with as much more text as it takes."""
    size = CHUNK_BYTES
    while True:
        try:
            value, end = _DECODER.raw_decode(window.text)
            if end < len(window.text) or window.ended:
                window.drop(end)
                return value
        except json.JSONDecodeError as error:
            if window.ended or _is_mistake(error, len(window.text)):
                line = window.line + error.lineno - 1
                raise ValueError(f"not JSON: {error.msg} at line {line}, column {error.colno}") from None
        except RecursionError:
            raise _UnusableError("not JSON that can be read: nested too deep") from None
        except ValueError as error:
            raise _UnusableError(value_fault(error)) from None
        if len(window.text) > MAX_LINE_BYTES:
            raise _UnusableError(f"not JSON: a value longer than {MAX_LINE_BYTES} characters")
        window.fill(size)
        size *= 2  # a value that is long takes few attempts


def _skip_value(window: _Window) -> bool:
    """Drop the value at the start of the window; `False` where the text ends before it does."""
    if window.text[0] not in '"[{':
        return _skip_word(window)
    depth, in_text = 0, False
    while True:
        seen = 0
        for found in _MARKS.finditer(window.text):
            seen, mark = found.end(), found.group()
            if mark == '"':
                in_text = not in_text
            elif mark[0] == "\\" or in_text:
                continue
            else:
                depth += 1 if mark in "[{" else -1
            if depth <= 0 and not in_text:
                window.drop(seen)
                return True
        is_open = window.text.endswith("\\") and seen < len(window.text)
        window.drop(len(window.text) - is_open)
        if window.ended:
            return False
        window.fill()


def _skip_word(window: _Window) -> bool:
    """Drop a number or a name."""
    while True:
        end = _WORD_END.search(window.text)
        window.drop(end.start() if end else len(window.text))
        if end or window.ended:
            return True
        window.fill()


def _is_mistake(error: json.JSONDecodeError, length: int) -> bool:
    """Whether more text cannot help: the decoder stopped well before the end of what it saw."""
    return not error.msg.startswith("Unterminated") and error.pos < length - 16


_DECODER = strict_decoder()
_MARKS = re.compile(r'\\.|["\[\]{}]', re.DOTALL)
"""What tells where a value ends: quotes and brackets; a backslash takes the next character with it."""
_WORD_END = re.compile(r"[\s,\]}]")
