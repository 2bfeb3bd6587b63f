"""Files that survive a crash: JSON Lines that grow by whole rows, and files that appear all at once.

The idea: a run is killed at any moment and started again, so a file is either appended to by complete
lines (`JsonlWriter`; a torn last line is cut off on the next opening) or it is written beside its
place and moved there (`open_atomic`). Reading streams in constant memory and is patient: a bad row is
set aside with its line number and the reason, and the others go on.

Invariants: after `kill -9` a JSONL file lacks at most the row that was being written; a file written
atomically is the old one or the new one, never a mixture; a row is read or set aside, never dropped.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import logging
import os
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NoReturn, Protocol, Self, TypeVar, cast

from pydantic import BaseModel, ValidationError

from agenttune.errors import DataError

MAX_LINE_BYTES = 64 * 1024 * 1024
"""A longer line is set aside unread, so that one file without line ends cannot fill the memory."""
FSYNC_SECONDS = 5.0
"""A power cut costs at most the rows of this long; `kill -9` costs at most one row whatever this is."""

RecordType = TypeVar("RecordType", bound=BaseModel)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """One JSON object of a file; `line` counts from 1."""

    line: int
    value: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was set aside: where it stands (from 1) and what was wrong with it."""

    line: int
    reason: str


class RejectedSink(Protocol):
    """Where rejected rows go: a list, or anything else with `append`."""

    def append(self, row: Rejected, /) -> None: ...


class WarningSink:
    """The sink of callers that brought none: says each rejected row in the log, so none is lost."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, row: Rejected, /) -> None:
        _log.warning("%s, line %d set aside: %s", self.path, row.line, row.reason)


# --- reading ---------------------------------------------------------------------------------------


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


def parse_json(text: str | bytes) -> Any:
    """JSON as the standard has it: no NaN, no Infinity. Raises `ValueError` with one plain sentence."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except UnicodeDecodeError as error:
        raise ValueError(
            f"not UTF-8: byte {error.start + 1} is 0x{error.object[error.start]:02x}"
        ) from None
    except RecursionError:
        raise ValueError("not JSON that can be read: nested too deep") from None


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
                value = parse_json(_decode(line))
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
            return parse_json(_decode(file.read()))
        except (ValueError, EOFError, OSError, zlib.error) as error:
            raise DataError(str(error), where=str(path), remedy="mend the file or make it again") from None


def explain(error: ValidationError) -> str:
    """A validation error in one line: each wrong field and what was expected there."""
    parts = []
    for item in error.errors(include_url=False, include_context=False):
        place = ".".join(str(key) for key in item["loc"])
        found = "" if item["type"] in ("missing", "value_error") else f", found {json_type(item['input'])}"
        parts.append(f"{place}: {item['msg']}{found}" if place else f"{item['msg']}{found}")
    return "; ".join(parts)


def json_type(value: object) -> str:
    """What a JSON value is, in JSON's own words."""
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", type(None): "null"}
    return names.get(type(value), "an object" if isinstance(value, Mapping) else "an array")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"not JSON: {name} is not a JSON value")


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8: byte {error.start + 1} is 0x{data[error.start]:02x}") from None


def _lines(file: IO[bytes], path: Path, sink: RejectedSink) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each line that is not blank; lines without end and broken archives set aside."""
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


# --- writing ---------------------------------------------------------------------------------------


def encode(record: BaseModel | Mapping[str, Any]) -> bytes:
    """A record as one line of JSON in UTF-8, with its line end."""
    value = record.model_dump(mode="json") if isinstance(record, BaseModel) else record
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    except UnicodeEncodeError:  # half of a surrogate pair: only an escape can carry it
        return json.dumps(value, allow_nan=False).encode() + b"\n"


class JsonlWriter:
    """Appends rows to a JSONL file, each flushed as it is written. Use as a context manager.

    A torn last line of an existing file is cut off first. Call from one thread and one process.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._synced = time.monotonic()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab", buffering=0)
            _mend(self.path)
        except OSError as error:
            raise _cannot_write(self.path, error) from None

    def write(self, record: BaseModel | Mapping[str, Any]) -> None:
        """Append one row. Raises `DataError` when the disk refuses; the file then ends as before."""
        line = encode(record)
        start = self._file.seek(0, os.SEEK_END)
        try:
            if self._file.write(line) != len(line):
                raise OSError(0, "the disk is full")
            if time.monotonic() - self._synced > FSYNC_SECONDS:
                os.fsync(self._file.fileno())
                self._synced = time.monotonic()
        except OSError as error:
            self._file.truncate(start)
            raise _cannot_write(self.path, error) from None

    def close(self) -> None:
        """Bring everything to the disk. Calling it again does nothing."""
        if not self._file.closed:
            os.fsync(self._file.fileno())
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextlib.contextmanager
def open_atomic(path: Path | str) -> Iterator[IO[bytes]]:
    """Write a file beside its place and move it there when the block ends well; `.gz` is packed.

    Raises `DataError` where it cannot be written; whatever goes wrong, the old file stays.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    if path.is_dir():
        raise DataError(
            "expected a file, found a directory", where=str(path), remedy="name a file inside it"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            if path.suffix == ".gz":
                # no name and no time inside, so that equal content gives equal files
                with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
                    yield cast("IO[bytes]", packed)
            else:
                yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        raise _cannot_write(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def write_atomic(path: Path | str, content: str | bytes) -> None:
    """Write a whole file so that readers see the old content or the new, never a part."""
    with open_atomic(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def write_json(path: Path | str, value: Any) -> None:
    """Write a JSON file atomically, indented, keys in the order given."""
    write_atomic(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _mend(path: Path) -> None:
    """Cut off a torn last line; a whole last row that only lacks its line end is given one."""
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        start = _start_of_last_line(file, end)
        if start == end:
            return
        file.seek(start)
        try:
            whole = isinstance(parse_json(_decode(file.read())), dict)
        except ValueError:
            whole = False
        if whole:
            file.write(b"\n")
        else:
            file.truncate(start)


def _start_of_last_line(file: IO[bytes], end: int, block: int = 65_536) -> int:
    """Offset behind the last line end before `end`; reads backwards, so the size does not matter."""
    while end > 0:
        begin = max(0, end - block)
        file.seek(begin)
        found = file.read(end - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0


def _sync_directory(directory: Path) -> None:
    """Make a rename last through a power cut; file systems that cannot are left alone."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _cannot_write(path: Path, error: OSError) -> DataError:
    return DataError(
        f"the file cannot be written: {error.strerror or error}",
        where=str(path),
        remedy="check the path, the rights and the free space",
    )
