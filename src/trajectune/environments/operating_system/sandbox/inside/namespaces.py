"""User namespaces, limits and a file system in memory, for the process that is about to become a box.

The idea: a process enters two user namespaces, one in the other. The first gives it ids: its root is a
subordinate id outside. In it the limit of processes is set, and the kernel holds a namespace's creator to
that for all that happens inside: so the second is limited as a whole, whichever users are made in it.

Invariants: after `enter` the process is root inside and nobody outside; after `limit` nothing in it can
raise a limit again, nor make a further user namespace. Failures raise `OSError` with the name of the step.
"""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NEW_USER, NEW_MOUNTS = 0x10000000, 0x00020000
PRIVATE_RECURSIVE = (1 << 18) | 16384
NO_SUID_NO_DEVICES = 2 | 4
SET_DUMPABLE = 4

_C = ctypes.CDLL(None, use_errno=True)


def enter(identity: Mapping[str, Any]) -> None:
    """Become root of a new user namespace; `identity` is `Identity` as a dictionary."""
    if identity["way"] == "single" and os.getuid() == 0:
        os.setgroups([])
        os.setresgid(identity["base"], identity["base"], identity["base"])
        os.setresuid(identity["base"], identity["base"], identity["base"])
        _C.prctl(SET_DUMPABLE, 1, 0, 0, 0)  # else its own /proc entries belong to real root
    _enter(identity["way"], identity["base"], identity["group_base"], identity["count"])


def enter_again(count: int, processes: int) -> None:
    """A user namespace within, with the same ids, that may hold `processes` processes in all."""
    resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes))
    _enter("single" if count == 1 else "range", 0, 0, count)
    Path("/proc/sys/user/max_user_namespaces").write_text("0")


def limit(limits: Mapping[str, int]) -> None:
    """Limits of every process inside: address space, size of files, processor time, open files."""
    for name, most in (
        (resource.RLIMIT_AS, limits["memory"]),
        (resource.RLIMIT_FSIZE, limits["disk"]),
        (resource.RLIMIT_CPU, limits["processor"]),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 65_536),
        (resource.RLIMIT_MSGQUEUE, 65_536),
    ):
        resource.setrlimit(name, (most, most))
    Path("/proc/self/oom_score_adj").write_text("1000")  # should memory end, a box goes first


def mount_memory(place: str, size: int, files: int) -> None:
    """A file system in memory at `place`, seen by this process alone."""
    _check(_C.unshare(NEW_MOUNTS), "a mount namespace")
    _check(_C.mount(b"none", b"/", None, PRIVATE_RECURSIVE, None), "private mounts")
    options = f"size={size},nr_inodes={files},mode=755".encode()
    _check(_C.mount(b"tmpfs", place.encode(), b"tmpfs", NO_SUID_NO_DEVICES, options), "a tmpfs")


def _enter(way: str, base: int, group_base: int, count: int) -> None:
    ready, done = os.pipe(), os.getpid()
    mapper = os.fork()
    if mapper == 0:
        os.close(ready[1])
        os._exit(_write_maps(ready[0], done, way, (base, group_base), count))
    os.close(ready[0])
    _check(_C.unshare(NEW_USER), "a user namespace")
    os.write(ready[1], b"x")
    os.close(ready[1])
    if os.waitpid(mapper, 0)[1] != 0:
        raise OSError("the ids of a user namespace could not be mapped")
    os.setresgid(0, 0, 0)
    if way != "single":
        os.setgroups([])
    os.setresuid(0, 0, 0)
    _C.prctl(SET_DUMPABLE, 1, 0, 0, 0)


def _write_maps(ready: int, process: int, way: str, bases: tuple[int, int], count: int) -> int:
    """In a process that stayed outside: give the ids, once the other is in its namespace."""
    if os.read(ready, 1) != b"x":
        return 1
    try:
        if way == "helper":
            for program, base in (("newuidmap", bases[0]), ("newgidmap", bases[1])):
                subprocess.run([program, str(process), "0", str(base), str(count)], check=True)
            return 0
        if way == "single":
            Path(f"/proc/{process}/setgroups").write_text("deny")
        for name, base in (("uid_map", bases[0]), ("gid_map", bases[1])):
            Path(f"/proc/{process}/{name}").write_text(f"0 {base} {count}")
    except (OSError, subprocess.SubprocessError):
        return 1
    return 0


def _check(status: int, what: str) -> None:
    if status != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what} could not be made: {os.strerror(number)}")
