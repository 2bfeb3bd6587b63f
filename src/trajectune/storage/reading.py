"""Reading with patience: in constant memory, a bad row rejected with its line number and the reason.

Invariant: a row is read or rejected, never dropped.
"""

from __future__ import annotations

import gzip
import logging
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar, cast

from pydantic import BaseModel, ValidationError

from trajectune.errors import DataError
from trajectune.storage.text import decode, explain, json_type, parse_json

MAX_LINE_BYTES = 64 * 1024 * 1024
"""A longer line is rejected unread, so that one file without line ends cannot fill the memory."""

RecordType = TypeVar("RecordType", bound=BaseModel)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """One JSON object of a file; `line` counts from 1."""

    line: int
    value: dict[str, Any]
    part: int = 0
    """Values that begin before it on the same line, in a file whose lines hold several."""

    @property
    def place(self) -> str:
        """Tells it from all other rows of its file: the line, with the part where there are several."""
        return f"{self.line}.{self.part}" if self.part else str(self.line)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that cannot be used: where it stands (from 1) and what was wrong with it."""

    line: int
    reason: str


class RejectedSink(Protocol):
    """Where rejected rows go: a list, or anything else with `append`."""

    def append(self, row: Rejected, /) -> None: ...


class WarningSink:
    """The sink of callers that brought none: says each rejected row in the log, so none is lost."""

    def __init__(self, path: Path | str) -> None:
        self.path = path

    def append(self, row: Rejected, /) -> None:
        """Log one row."""
        _log.warning("%s, line %d rejected: %s", self.path, row.line, row.reason)


def open_binary(path: Path | str) -> IO[bytes]:
    """Open for reading, unpacked when the name ends in `.gz`. Raises `DataError` where it cannot."""
    path = Path(path)
    if path.is_dir():
        raise DataError(
            "expected a file, found a directory", where=str(path), remedy="name a file inside it"
        )
    try:
        return cast("IO[bytes]", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")
    except FileNotFoundError:
        raise DataError("the file does not exist", where=str(path), remedy="check the path") from None
    except OSError as error:
        raise DataError(f"the file cannot be read: {error.strerror}", where=str(path)) from None


def read_jsonl(path: Path | str, rejected: RejectedSink | None = None) -> Iterator[Row]:
    """Stream the objects of a JSONL file (`.gz` too; a byte order mark and empty lines are skipped).

    A line that is no JSON object goes to `rejected` (to the log when there is none).
    Raises `DataError` when the file itself cannot be read.
    """
    path = Path(path)
    sink = WarningSink(path) if rejected is None else rejected
    with open_binary(path) as file:
        for number, line in _lines(file, path, sink):
            try:
                value = parse_json(decode(line))
            except ValueError as error:
                sink.append(Rejected(number, str(error).replace(" at line 1,", " at")))
                continue
            if isinstance(value, dict):
                yield Row(number, value)
            else:
                sink.append(Rejected(number, f"expected a JSON object, found {json_type(value)}"))


def read_records(
    path: Path | str, model: type[RecordType], rejected: RejectedSink | None = None
) -> Iterator[RecordType]:
    """Stream the rows of a JSONL file as `model`; a row that does not fit goes to `rejected`."""
    sink = WarningSink(Path(path)) if rejected is None else rejected
    for row in read_jsonl(path, sink):
        try:
            yield model.model_validate(row.value)
        except ValidationError as error:
            sink.append(Rejected(row.line, explain(error)))


def read_json(path: Path | str) -> Any:
    """The value of a whole JSON file. Raises `DataError` with the place of the first mistake."""
    with open_binary(path) as file:
        try:
            return parse_json(decode(file.read()))
        except (ValueError, EOFError, OSError, zlib.error) as error:
            raise DataError(str(error), where=str(path), remedy="mend the file or make it again") from None


def read_record(
    path: Path | str,
    model: type[RecordType],
    what: str,
    remedy: str = "mend the file, or remove it and make it again",
) -> RecordType:
    """A whole JSON file as one `model`; `what` names it in errors ("a measurement").

    Raises `DataError` naming the file and each wrong field.
    """
    try:
        return model.model_validate(read_json(path))
    except ValidationError as error:
        raise DataError(f"this is not {what}: {explain(error)}", where=str(path), remedy=remedy) from None


def _lines(file: IO[bytes], path: Path, sink: RejectedSink) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each line that is not blank; lines without end and broken archives rejected."""
    number = 0
    try:
        while line := file.readline(MAX_LINE_BYTES):
            number += 1
            if len(line) < MAX_LINE_BYTES or line.endswith(b"\n"):
                if line.strip():
                    yield number, line
                continue
            while (rest := file.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                pass
            sink.append(Rejected(number, f"the line is longer than {MAX_LINE_BYTES} bytes"))
    except gzip.BadGzipFile as error:
        raise DataError(f"not a gzip file: {error}", where=str(path), remedy="drop the .gz") from None
    except (EOFError, zlib.error):
        sink.append(Rejected(number + 1, "the compressed data is damaged from here on"))
    except OSError as error:
        raise DataError(f"the file cannot be read: {error.strerror}", where=str(path)) from None
