"""What a box is made of: its filter of system calls, its root, its command line, its limits."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from trajectune.environments.operating_system.sandbox.inside import command, filter, root
from trajectune.environments.operating_system.sandbox.keeping import MODULE, Keeper
from trajectune.environments.operating_system.sandbox.limits import MEGABYTE, Limits
from trajectune.errors import EpisodeError, RecipeError

ALLOW, REFUSE = 0x7FFF0000, 0x00050001


def verdict(program: bytes, architecture: int, number: int) -> int:
    """Run a filter, as the kernel would."""
    lines = [struct.unpack_from("=HBBI", program, place) for place in range(0, len(program), 8)]
    place, loaded = 0, 0
    while True:
        code, true, false, value = lines[place]
        place += 1
        if code == 0x20:
            loaded = {0: number, 4: architecture}[value]
        elif code == 0x06:
            return value
        else:
            place += true if (loaded == value if code == 0x15 else loaded >= value) else false


@pytest.mark.parametrize("machine", filter.ARCHITECTURES)
def test_the_filter_refuses_what_it_names_and_nothing_else(machine: str) -> None:
    program = filter.program(machine)
    assert len(program) % 8 == 0
    audit = filter.ARCHITECTURES[machine]
    denied = {pair[machine == "aarch64"] for pair in filter.DENIED.values()}
    assert len(denied) == len(filter.DENIED)
    for number in range(600):
        assert verdict(program, audit, number) == (REFUSE if number in denied else ALLOW)
    assert verdict(program, audit, filter.X32 + 1) == REFUSE
    assert verdict(program, 0x40000003, 1) == REFUSE  # 32-bit calls


def test_the_numbers_are_those_of_the_kernels_headers() -> None:
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if not header.exists():
        pytest.skip(f"no {header}")
    defined = dict(
        line.split()[1:3]
        for line in header.read_text().splitlines()
        if "__NR_" in line and line.count(" ") == 2
    )
    for name, (number, _) in filter.DENIED.items():
        assert defined.get(f"__NR_{name}", str(number)) == str(number)


def test_the_root_is_built_of_its_own_files(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        root.build(str(tmp_path), several_ids=False)
    finally:
        os.umask(before)
    assert (tmp_path / "etc/passwd").read_text().startswith("root:x:0:0:root:/root:/bin/bash\n")
    assert oct((tmp_path / "tmp").stat().st_mode)[-4:] == "1777"
    assert oct((tmp_path / "root").stat().st_mode)[-3:] == "700"
    assert oct((tmp_path / "home").stat().st_mode)[-3:] == "755"
    assert oct((tmp_path / "etc/shadow").stat().st_mode)[-3:] == "640"
    files = {
        str(path.relative_to(tmp_path))
        for path in tmp_path.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    assert files == set(root.FILES)
    for row in (tmp_path / "etc/passwd").read_text().splitlines():
        assert len(row.split(":")) == 7


def test_only_system_folders_are_bound_and_only_for_reading() -> None:
    told = root.mounts()
    options = [word for word in told if word.startswith("--")]
    assert set(options) <= {"--ro-bind", "--symlink"}
    bound = {told[place + 1] for place, word in enumerate(told) if word == "--ro-bind"}
    assert bound <= {*root.BOUND, *root.TOP}
    assert "/usr/bin" in bound
    assert "/usr/local" not in root.BOUND
    assert all(target.startswith((*root.BOUND, *root.TOP)) for _, target in root.alternatives())


def test_bubblewrap_is_told_to_part_with_everything() -> None:
    told = command.options("/place", 5)
    for word in ("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--die-with-parent"):
        assert word in told
    assert told[told.index("--cap-drop") + 1] == "ALL"
    assert {"CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_NET_ADMIN", "CAP_MKNOD"}.isdisjoint(told)
    assert "--clearenv" in told
    assert told[told.index("--seccomp") + 1] == "5"
    assert "+setpcap" not in command.SUPERVISOR  # what the supervisor has, the agent's shell has not


def test_limits_are_checked_and_told_in_bytes() -> None:
    assert Limits(memory=2, disk=3).request()["memory"] == 2 * MEGABYTE
    assert set(Limits().request()) == {"memory", "disk", "files", "processes", "processor"}
    for name in ("seconds", "memory", "files", "output"):
        with pytest.raises(RecipeError, match=name):
            Limits(**{name: 0})


def test_a_keeper_ends_with_its_socket_and_needs_none_of_our_libraries() -> None:
    watched = (
        "import runpy, sys, socket, os\n"
        "a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
        "os.dup2(b.fileno(), 0); a.close(); b.close()\n"
        f"runpy.run_module({MODULE!r}, run_name='__main__')\n"
        "print(sorted(n for n in ('pydantic', 'torch', 'numpy') if n in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", watched], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[]\n"


def test_a_keeper_that_cannot_run_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(EpisodeError, match="does not answer"):
        Keeper().start({}, [0, 1, 2])
