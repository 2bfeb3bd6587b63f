"""A side in a process of its own, so that memory, allocators and libraries of the sides do not mix.

It is started once, asked once a round by JSON lines (`harness.child` is the other end) and closed at the
end. Its CPU time is ours, not that of others, since it is a descendant. Every answer carries the peak of
its resident memory. A child that dies, hangs or talks nonsense raises a `SideError` that names it and what
it last wrote to stderr.
"""

from __future__ import annotations

import json
import queue
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from pydantic import ValidationError

from harness.compare import Side
from harness.comparison import Answer

PATIENCE = 600.0
"""Seconds that an answer may take; the first one includes loading."""
LAST_WORDS = 300
"""Characters of stderr that an error shows."""


class SideError(Exception):
    """A side could not do its part; the message says which one and why."""


class Child:
    """A side's process; a context manager that ends it."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self.name, self.patience = name, patience
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `close`
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=environment,
                text=True,
                encoding="utf-8",
            )
        except OSError as error:
            raise SideError(f"{name}: cannot be started: {error}") from None
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=_read, args=(self._process.stdout, self._lines), daemon=True).start()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def side(self, run: str, **request: Any) -> Side:
        """The side that asks for this run, with the round's number beside what is always asked."""
        return lambda number: self.ask({"run": run, "round": number, **request})

    def ask(self, request: Mapping[str, Any]) -> Answer:
        """One request and its answer."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except OSError:
            raise self._ended() from None
        try:
            line = self._lines.get(timeout=self.patience)
        except queue.Empty:
            self.close(kill=True)
            raise SideError(f"{self.name}: no answer in {self.patience:.0f} s") from None
        if line is None:
            raise self._ended()
        return self._answer(line)

    def _answer(self, line: str) -> Answer:
        facts: dict[str, Any] = {"peak_memory_gb": peak_memory_gb(self._process.pid)}
        try:
            found = json.loads(line)
            if error := found.get("error"):
                raise SideError(f"{self.name}: {error}")
            return Answer(rates=found["rates"], facts=facts | found.get("facts", {}))
        except (ValueError, AttributeError, KeyError, ValidationError):
            raise SideError(f"{self.name}: no answer but {line.strip()[:LAST_WORDS]!r}") from None

    def _ended(self) -> SideError:
        """What a child that is gone, or has shut its mouth, left behind."""
        try:
            code = self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._errors.seek(0)
        words = self._errors.read().decode("utf-8", "replace").strip()[-LAST_WORDS:]
        return SideError(f"{self.name}: ended with status {code}" + (f": … {words}" if words else ""))

    def close(self, *, kill: bool = False) -> None:
        """End it: its input ends, and it is killed when it does not take the hint."""
        if kill:
            self._process.kill()
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
            self._process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        self._errors.close()


def _read(stream: IO[str], lines: queue.SimpleQueue[str | None]) -> None:
    """Lines as they come, then `None`."""
    for line in stream:
        lines.put(line)
    lines.put(None)


def peak_memory_gb(process: int) -> float | None:
    """The largest resident set of a living process, in units of 10⁹ bytes, where the kernel tells."""
    path = Path(f"/proc/{process}/status")
    lines = path.read_text().splitlines() if path.exists() else []
    found = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
    return found[0] * 1024 / 1e9 if found else None
