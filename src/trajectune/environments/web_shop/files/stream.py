"""Big JSON files item by item: WebShop keeps a million products in one list of five gigabytes.

The idea: the text is read in pieces, and a decoder takes one value after another from the piece at hand;
a value that runs over its end waits for the next piece. So memory holds one piece and one value.

Invariant: what is yielded is what `json.load` would give, in the same order; NaN is taken, as it is
there. A file that breaks off, or is no JSON, raises with the item and the byte.
"""

from __future__ import annotations

import codecs
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from trajectune.errors import DataError
from trajectune.storage import open_binary

PIECE = 4 * 2**20
"""Bytes read at a time."""
MAX_VALUE = 64 * 2**20
"""Characters of one value; what is longer is taken for broken, so that it cannot fill the memory."""
_SPACE = " \t\r\n"
_FOLLOWS = frozenset(",]}:" + _SPACE)


def items(path: Path) -> Iterator[Any]:
    """The items of a file that holds one JSON list."""
    with open_binary(path) as file:
        text = _Text(file, path)
        text.expect("[", "a list of items")
        while text.another("]"):
            yield text.value()


def members(path: Path) -> Iterator[tuple[str, Any]]:
    """The members of a file that holds one JSON object."""
    with open_binary(path) as file:
        text = _Text(file, path)
        text.expect("{", "an object with a member for each product")
        while text.another("}"):
            name = text.value()
            text.expect(":", "a colon behind a member's name")
            yield str(name), text.value()


class _Text:
    """The text of a file, of which a piece is in memory."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file = file
        self._path = path
        self._bytes = codecs.getincrementaldecoder("utf-8-sig")()
        self._json = json.JSONDecoder()
        self._text, self._at, self._read, self._ended = "", 0, 0, False
        self._taken = 0

    def expect(self, sign: str, what: str) -> None:
        """Go past a sign. Raises `DataError` where another one stands there."""
        if self._sign() != sign:
            raise self._broken(f"expected {what} ({sign})")
        self._at += 1

    def another(self, end: str) -> bool:
        """Whether a further item stands before the `end` of the list or object; goes past the comma."""
        if self._sign() == end:
            return False
        if self._taken:
            self.expect(",", "a comma between items")
        self._taken += 1
        return True

    def value(self) -> Any:
        """The value that stands next.

        It is whole where something follows that no value goes on with: `1` may become `1.5` or `12`.
        """
        self._sign()
        while True:
            fault = ""
            try:
                value, end = self._json.raw_decode(self._text, self._at)
                if self._text[end : end + 1] in _FOLLOWS or self._ended:
                    self._at = end
                    return value
            except RecursionError:
                raise self._broken("nested too deep") from None
            except ValueError as error:
                fault = str(error).partition(":")[0]
            if len(self._text) - self._at > MAX_VALUE or (not self._more() and fault):
                raise self._broken(fault or "expected a comma between items")

    def _sign(self) -> str:
        """The next sign that is no space; empty at the end of the file."""
        while True:
            while self._at < len(self._text):
                if (sign := self._text[self._at]) not in _SPACE:
                    return sign
                self._at += 1
            if not self._more():
                return ""

    def _more(self) -> bool:
        """Read one piece more; whether there was one."""
        if self._ended:
            return False
        try:
            piece = self._file.read(PIECE)
            self._ended = not piece
            decoded = self._bytes.decode(piece, final=self._ended)  # at the end: nothing, or an error
        except UnicodeDecodeError as error:
            raise self._broken(f"not UTF-8: {error.reason}") from None
        except (OSError, EOFError, zlib.error) as error:
            raise self._broken(f"cannot be read: {error}") from None
        self._read += len(piece)
        if not self._ended:
            self._text, self._at = self._text[self._at :] + decoded, 0
        return not self._ended

    def _broken(self, fault: str) -> DataError:
        return DataError(
            f"this is not JSON that can be read: {fault}",
            where=f"{self._path}, item {self._taken}, somewhere before byte {self._read:,}",
            remedy="fetch the file anew: it is damaged or incomplete",
        )
