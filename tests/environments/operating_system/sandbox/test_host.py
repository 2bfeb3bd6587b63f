"""Nothing of the host can be read in a box, whoever runs the program.

A marker lies beside the checkout and in every top-level folder of the host in which this user can put one.
The box is started as root and as an ordinary user, with and without subordinate ids.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import trajectune

MARK = f"marker-{uuid.uuid4().hex}"
SOURCE = Path(trajectune.__file__).parents[1]
SYSTEM = {"proc", "sys", "dev", "bin", "sbin", "lib", "lib32", "lib64", "libx32"}
"""The kernel's own folders, and those whose programs a box is given."""
NOBODY = 65534

PROGRAM = """
import json, sys
from trajectune.environments.operating_system.sandbox.box import Box
from trajectune.environments.operating_system.sandbox.limits import Limits
box = Box(sys.argv[1], Limits(seconds=60))
commands = json.loads(sys.argv[2])
print(json.dumps({
    "id": box.run("id -u; id -un").data.decode(),
    "way": box.identity.way,
    "outside": [box.identity.base, box.identity.count],
    "found": [box.run(command).data.decode("utf-8", "replace") for command in commands],
    "users": box.run("useradd ana && su ana -c 'id -un'").data.decode(),
}))
box.close()
"""


@pytest.fixture(scope="module")
def markers() -> Iterator[list[Path]]:
    places = [Path("/"), *(p for p in Path("/").iterdir() if p.is_dir() and p.name not in SYSTEM)]
    places += [Path(__file__).parents[5], Path(__file__).parents[4], Path("/usr/local"), Path("/var/lib")]
    made = []
    for place in places:
        with suppress(OSError):
            file = place / MARK
            file.write_text(f"content of {MARK}")
            file.chmod(0o644)
            made.append(file)
    yield made
    for file in made:
        with suppress(OSError):
            file.unlink()


def look(markers: list[Path]) -> list[str]:
    """Commands that would print the mark if anything of it could be seen."""
    paths = " ".join(map(str, markers))
    return [
        f"cat {paths} 2>/dev/null",
        "find / -xdev -name 'marker-*' 2>/dev/null",
        "find /usr /home /root /tmp /var /etc /opt /srv /mnt /run -maxdepth 3 -name 'marker-*' 2>/dev/null",
        "for p in /proc/[0-9]*; do ls $p/root/ $p/cwd/ 2>/dev/null; done",
        f"for p in /proc/[0-9]*; do cat $p/root/{MARK} $p/cwd/{MARK} $p/environ; done 2>/dev/null",
        f"for f in {paths}; do ln -sf $f /tmp/link; cat /tmp/link; cat /proc/1/root$f; done 2>/dev/null",
        "cat /proc/mounts /proc/1/cmdline /proc/2/cmdline /proc/self/environ 2>/dev/null",
    ]


def check(found: dict[str, object]) -> None:
    assert found["id"] == "0\nroot\n"
    assert MARK not in json.dumps(found["found"])


def run(program: list[str], bubblewrap: str, commands: list[str], path: Path = SOURCE) -> dict[str, object]:
    answer = subprocess.run(
        [*program, "-c", PROGRAM, bubblewrap, json.dumps(commands)],
        env={"PYTHONPATH": str(path), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "MARK": MARK},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    return json.loads(answer.stdout)


def test_as_the_user_who_runs_the_tests(markers: list[Path], bubblewrap: str) -> None:
    assert len(markers) >= 2
    found = run([sys.executable], bubblewrap, look(markers))
    check(found)
    assert found["outside"] != [0, 65536]
    if os.geteuid() == 0:
        assert len(markers) >= 8, "root can put one nearly everywhere"
        assert found["way"] == "single" or found["users"] == "ana\n"


@pytest.fixture
def stranger() -> Iterator[tuple[list[str], Path]]:
    """How to run Python as user 65534, and a copy of the package that this user can read."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    shutil.copytree(
        SOURCE / "trajectune", folder / "trajectune", ignore=shutil.ignore_patterns("*.so", "__pycache__")
    )
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all"]
    enough = (
        "import subprocess, sys; subprocess.check_call([sys.executable, '-c', '']); "
        "sys.exit(sys.version_info < (3, 11))"
    )
    for python in (sys.executable, "/usr/bin/python3"):
        if (
            subprocess.run([*become, python, "-c", enough], capture_output=True, check=False).returncode
            == 0
        ):
            yield [*become, python], folder
            break
    else:
        pytest.skip("no Python 3.11 that an ordinary user can run")
    shutil.rmtree(folder)


def test_as_an_ordinary_user(
    markers: list[Path], bubblewrap: str, stranger: tuple[list[str], Path]
) -> None:
    program, path = stranger
    found = run(program, bubblewrap, look(markers), path)
    check(found)
    assert (found["way"], found["outside"]) == ("single", [NOBODY, 1])
    assert "ana" not in str(found["users"])


def test_as_an_ordinary_user_with_subordinate_ids(
    markers: list[Path], bubblewrap: str, stranger: tuple[list[str], Path], tmp_path: Path
) -> None:
    if (
        not shutil.which("newuidmap")
        or not Path("/etc/subuid").exists()
        or not Path("/etc/subgid").exists()
    ):
        pytest.skip("no newuidmap, or no /etc/subuid: apt-get install --no-install-recommends uidmap")
    ranges = tmp_path / "ranges"
    ranges.write_text("nobody:300000:65536\n")
    (program, path), hidden = (
        stranger,
        "mount --bind {0} /etc/subuid && mount --bind {0} /etc/subgid && exec",
    )
    wrapped = ["unshare", "--mount", "sh", "-c", f'{hidden.format(ranges)} "$@"', "sh", *program]
    found = run(wrapped, bubblewrap, look(markers), path)
    check(found)
    assert (found["way"], found["outside"]) == ("helper", [300000, 65536])
    assert found["users"] == "ana\n"
