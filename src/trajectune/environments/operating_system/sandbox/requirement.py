"""Whether boxes can be had on this machine: asked once, by starting one.

Invariant: without a sandbox nothing runs; there is no way round.
"""

from __future__ import annotations

import platform
import shutil
import threading
from pathlib import Path

from trajectune.environments.operating_system.sandbox.box import Box
from trajectune.environments.operating_system.sandbox.inside import filter
from trajectune.environments.operating_system.sandbox.limits import Limits
from trajectune.errors import EpisodeError, UnavailableError

NEEDED = {"bwrap": "bubblewrap", "setpriv": "util-linux", "setsid": "util-linux", "bash": "bash"}
"""Programs, and the Debian packages that have them."""
INSTALL = "apt-get install --no-install-recommends"

_LOCK = threading.Lock()
_FOUND: list[str] = []


def require_sandbox() -> str:
    """The path of bubblewrap, once a box has started here.

    Raises `UnavailableError` with what is missing.
    """
    with _LOCK:
        if not _FOUND:
            _FOUND.append(_try())
        return _FOUND[0]


def _try() -> str:
    if platform.system() != "Linux" or not filter.supported():
        raise _unavailable(
            f"on {platform.system()} {platform.machine()}",
            "use Linux on x86_64 or aarch64 (a virtual machine will do)",
        )
    missing = [program for program in NEEDED if shutil.which(program) is None]
    program = shutil.which("bwrap")
    if missing or program is None:
        packages = " ".join(sorted({NEEDED[name] for name in missing}))
        raise _unavailable(f"missing: {', '.join(missing)}", f"{INSTALL} {packages} (as root)")
    if not Path("/proc/thread-self/children").exists():
        raise _unavailable("no /proc/PID/task/PID/children", "use a kernel with CONFIG_PROC_CHILDREN")
    try:
        box = Box(program, Limits(seconds=30))
        try:
            answer = box.run("id -u")
        finally:
            box.close()
    except EpisodeError as error:
        raise _unavailable(error.where or error.what, _remedy(error.where)) from error
    if answer.data.strip() != b"0":
        raise _unavailable(f"a trial command gave {answer.data[:200]!r}", _remedy(""))
    return program


def _remedy(words: str) -> str:
    """What to do about the words with which a box did not start."""
    if "proc" in words:
        return "run it where /proc is not masked: a container needs --security-opt systempaths=unconfined"
    return (
        "let this user make user namespaces: sysctl user.max_user_namespaces above 0, on Ubuntu "
        "kernel.apparmor_restrict_unprivileged_userns=0; in a container --security-opt seccomp=unconfined"
    )


def _unavailable(where: str, remedy: str) -> UnavailableError:
    return UnavailableError(
        "The operating_system environment runs commands in a sandbox only, and there is none here.",
        where=where,
        remedy=remedy,
    )
