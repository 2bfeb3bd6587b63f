"""Messages between the program and its database processes: some JSON, then some bytes.

The idea: each message begins with the lengths of its two parts. JSON carries any text (lone surrogates
and NUL too) as plain ASCII; images of databases, which are large, go behind it as they are.

Invariant: a message is read whole or `EOFError` is raised: the other side is gone.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, Protocol

LENGTHS = struct.Struct("!IQ")
BUFFER = 2**16
"""Bytes of a file's buffer: a statement and a small database are read at once."""


class Reader(Protocol):
    """What messages are read from: a buffered binary file."""

    def read(self, size: int, /) -> bytes | None: ...


class Writer(Protocol):
    """What messages are written to: a buffered binary file."""

    def write(self, data: bytes, /) -> object: ...

    def flush(self) -> object: ...


def send(file: Writer, head: Mapping[str, Any], body: bytes = b"") -> None:
    """Write one message. Cells that are bytes may stand anywhere in `head`."""
    text = ENCODE(head).encode()
    file.write(b"".join((LENGTHS.pack(len(text), len(body)), text, body)))  # in one: one awakening
    file.flush()


def receive(file: Reader) -> tuple[dict[str, Any], bytes]:
    """Read one message."""
    text, body = LENGTHS.unpack(_exactly(file, LENGTHS.size))
    head = DECODE(_exactly(file, text).decode())
    return head, _exactly(file, body) if body else b""


def _exactly(file: Reader, size: int) -> bytes:
    data = file.read(size)
    if data is None or len(data) != size:
        raise EOFError("the other side is gone")
    return data


def _marked(value: object) -> dict[str, str]:
    if isinstance(value, bytes):
        return {"\0bytes": value.hex()}
    raise TypeError(f"{type(value).__name__} cannot be sent")


def _unmarked(value: dict[str, Any]) -> dict[str, Any] | bytes:
    return bytes.fromhex(value["\0bytes"]) if len(value) == 1 and "\0bytes" in value else value


ENCODE = json.JSONEncoder(default=_marked).encode
DECODE = json.JSONDecoder(object_hook=_unmarked).decode
