"""Kill runs with SIGKILL at random moments, go on with the same command, and compare with an unbroken run.

    python benchmarks/kill_resume.py [--kills 10] [--recipe recipes/smoke.yaml] [--out FILE]

Each run is killed twice: at a moment drawn from its own part of the unbroken run's time, so that the kills
cover all stages, and once more while it goes on. Equal means: the same trajectories (no id lost or doubled;
times left out), the same training examples, bit-equal tuned weights and the same scores.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.machine import machine
from harness.results import dumps, write

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Run the comparison; exit status 1 when the two ends differ."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--recipe", type=Path, default=ROOT / "recipes" / "smoke.yaml")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = compare(options.recipe, Path(folder), options.kills, random.Random(options.seed))
    found = machine(recipe=options.recipe.name) | found
    print(dumps(found))
    if options.out:
        write(options.out, found)
    return 0 if found["equal"] else 1


def compare(recipe: Path, folder: Path, kills: int, rng: random.Random) -> dict[str, Any]:
    """An unbroken run beside runs that are killed, `kills` times in all."""
    _run(recipe, folder / "warm-up").wait()
    start = time.monotonic()
    _run(recipe, folder / "whole").wait()
    seconds = time.monotonic() - start
    moments: list[dict[str, Any]] = []
    runs = (kills + 1) // 2
    names = [f"killed-{number}" for number in range(runs)]
    for number, name in enumerate(names):
        first = (number + rng.random()) / runs * seconds
        rest = rng.uniform(0.3, 1) * (seconds - first)
        for moment in (first, rest)[: kills - len(moments)]:
            moments += _break(recipe, folder / name, moment)
        _run(recipe, folder / name).wait()
    ends = {name: fingerprint(folder / name) for name in ("whole", *names)}
    return {
        "uninterrupted_seconds": round(seconds, 1),
        "kills": moments,
        "fingerprints": ends,
        "equal": all(end == ends["whole"] for end in ends.values()),
    }


def _break(recipe: Path, run: Path, moment: float) -> list[dict[str, Any]]:
    """Kill one run after `moment` seconds; what was killed where, nothing when it ended before."""
    process = _run(recipe, run)
    try:
        process.wait(moment)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return [{"run": run.name, "after_seconds": round(moment, 1), "in_stage": _stage(run)}]
    return []


def fingerprint(run: Path) -> dict[str, str]:
    """Digests of what a run made, by kind; times and places are left out."""
    found = {}
    for pattern, content in CONTENTS.items():
        paths = sorted(run.glob(pattern))
        if not paths:
            raise FileNotFoundError(f"the run left no {pattern}")
        found |= {str(path.relative_to(run)): _digest(content(path)) for path in paths}
    return found


def _trajectories(path: Path) -> bytes:
    """The rows in any order, without times."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        row["usage"]["seconds"] = 0
        row["metadata"].pop("seconds", None)
        rows.append(json.dumps(row, sort_keys=True))
    return "\n".join(sorted(rows)).encode()


def _measurement(path: Path) -> bytes:
    """Everything but times."""
    return json.dumps({**json.loads(path.read_text(encoding="utf-8")), "seconds": 0}).encode()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


CONTENTS: dict[str, Callable[[Path], bytes]] = {
    "collect/*.jsonl": _trajectories,
    "curate/train.jsonl": Path.read_bytes,
    "curate/validation.jsonl": Path.read_bytes,
    "tune/model/model.safetensors": Path.read_bytes,
    "evaluate/*/*/episodes.jsonl": _trajectories,
    "evaluate/*/*/measurement.json": _measurement,
}
"""What must be equal: files of a run directory, and what counts of each."""
STAGES = ("collect", "general", "curate", "tune", "evaluate/base", "evaluate/tuned", "report")


def _stage(run: Path) -> str:
    return next((stage for stage in STAGES if not (run / stage / "done.json").exists()), "finished")


def _run(recipe: Path, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "trajectune.cli.entry", "run", str(recipe), "--run-dir", str(folder)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
