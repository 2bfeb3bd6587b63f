"""How a script ends: its result file is written, and its exit status tells what was refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.comparison import Comparison
from harness.process import SideError
from trajectune.errors import TrajectuneError

WIDTH = 108
REFUSED, FAILED = 1, 2
"""Exit statuses: a disturbed run, and one that could not be made."""


def run(main: Callable[[], int | None]) -> None:
    """Run a script; a side that failed, or what a user must mend, is told without a traceback."""
    try:
        sys.exit(main() or 0)
    except (SideError, TrajectuneError) as error:
        print(error, file=sys.stderr)
        sys.exit(FAILED)


def status(comparisons: Iterable[Comparison]) -> int:
    """The exit status after these comparisons."""
    refused = any(found.refusal(side) for found in comparisons for side in found.sides)
    return REFUSED if refused else 0


def write(path: Path, report: Mapping[str, Any]) -> None:
    """Write a result file, whole, so that it may be written again after every case."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    draft.write_text(dumps(report) + "\n", "utf-8")
    draft.replace(path)


def dumps(value: Any, indent: int = 0) -> str:
    """JSON, with every value that fits on one line on one line, and five digits of each measured number."""
    value = _rounded(value) if indent == 0 else value
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or len(flat) + indent <= WIDTH:
        return flat
    pad = " " * (indent + 2)
    if isinstance(value, dict):
        parts = [f"{json.dumps(str(key))}: {dumps(each, indent + 2)}" for key, each in value.items()]
    else:
        parts = [dumps(each, indent + 2) for each in value]
    first, last = "{}" if isinstance(value, dict) else "[]"
    return first + "\n" + ",\n".join(pad + part for part in parts) + "\n" + " " * indent + last


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, Mapping):
        return {str(key): _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value
