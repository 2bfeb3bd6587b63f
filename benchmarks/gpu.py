"""Everything that only a GPU can tell, in eight minutes at most.

    python3 benchmarks/gpu.py --out gpu.json            # one GPU with 80 GB
    python3 benchmarks/gpu.py --parts tests,decode
    python3 benchmarks/gpu.py --small                   # toy sizes, to try it on a CPU

Needs the checkout and a Python with torch, transformers, peft and pydantic; models have random weights,
so nothing is downloaded. Each part runs in a process of its own with a time limit of its own, prints one
line of JSON per case as soon as it is finished (the traceback where it failed), and does not care about
the others.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
Line = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """A module with `cases(small)`, and the seconds that it may take."""

    module: str
    limit: float


PARTS = {
    "machine": Part("gpu_machine", 40),
    "tests": Part("gpu_tests", 200),
    "train": Part("gpu_train", 240),
    "decode": Part("gpu_decode", 110),
    "compose": Part("gpu_compose", 100),
}


def main() -> None:
    """Run the parts one after the other, or, as a child, one of them."""
    options = _options()
    if options.child:
        run_cases(PARTS[options.child], options.small)
        return
    if options.small:
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # toys are too small to share out
    stop = time.monotonic() + options.limit
    report: dict[str, Any] = {"command": " ".join(["python3", *sys.argv]), "parts": {}}
    for name in options.parts.split(","):
        report["parts"][name] = run_part(name, options.small, stop - time.monotonic())
        if options.out:
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    failed = {name: part["failed"] for name, part in report["parts"].items() if part["failed"]}
    print(json.dumps({"failed": failed}))


def run_part(name: str, small: bool, left: float) -> dict[str, Any]:
    """The lines of a part's process; it is ended at its limit, or at that of the whole."""
    limit, start = min(PARTS[name].limit, left), time.monotonic()
    command = [sys.executable, str(ROOT / "benchmarks" / "gpu.py"), "--child", name]
    command += ["--small"] if small else []
    lines: list[Line] = []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True, cwd=ROOT)
    reader = threading.Thread(target=_read, args=(process.stdout, lines), daemon=True)
    reader.start()
    try:
        code: int | str = process.wait(max(limit, 1))
    except subprocess.TimeoutExpired:
        code = f"ended after {limit:.0f} s"
    _end(process)
    reader.join(5)
    failed = [line["case"] for line in lines if "error" in line] + ([f"exit: {code}"] if code else [])
    seconds = round(time.monotonic() - start, 1)
    print(json.dumps({"part": name, "seconds": seconds, "failed": failed}), flush=True)
    return {"seconds": seconds, "failed": failed, "cases": lines}


def _read(stream: Any, lines: list[Line]) -> None:
    """Keep and show what a part prints; what is no JSON is shown only."""
    for text in stream:
        print(text, end="", flush=True)
        if text.startswith('{"case"'):
            lines.append(json.loads(text))


def _end(process: subprocess.Popen[str]) -> None:
    """The process and all that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def run_cases(part: Part, small: bool) -> None:
    """Every case of a part; one that fails does not stop the next."""
    sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]
    found: list[tuple[str, Callable[[], Any]]] = []
    _run("import", lambda: found.extend(importlib.import_module(part.module).cases(small)))
    for name, case in found:
        _run(name, case)
        _free()


def _run(name: str, case: Callable[[], Any]) -> None:
    """One case, and its line."""
    start, line = time.perf_counter(), Line(case=name)
    try:
        line["result"] = case()
    except Exception:
        line["error"] = traceback.format_exc()[-4000:]
    line["seconds"] = round(time.perf_counter() - start, 2)
    print(json.dumps(_rounded(line)), flush=True)


def _rounded(value: Any) -> Any:
    """Numbers with four digits: what is measured has no more."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {str(key): _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list) else value


def _free() -> None:
    """Give the memory of a finished case back."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", default=",".join(PARTS), help="some of them, with commas between")
    parser.add_argument("--small", action="store_true", help="toy sizes")
    parser.add_argument("--limit", type=float, default=480, help="seconds for all parts together")
    parser.add_argument("--out", type=Path, help="file for all results")
    parser.add_argument("--child", choices=PARTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := set(options.parts.split(",")) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; choose among {', '.join(PARTS)}")
    return options


if __name__ == "__main__":
    main()
