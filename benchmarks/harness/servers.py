"""Database servers for the length of a test or a measurement: MariaDB and PostgreSQL, as installed.

The idea: each runs in a temporary folder and listens on a Unix socket in it, and nowhere else. Nothing is
synced to the disk, since nothing is kept. Both refuse to run as root, so root starts them as `nobody`.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE = 60.0
"""Seconds in which a server must answer."""
ADMIN = "harness"

MARIADB = [
    "--no-defaults",
    "--skip-networking",
    "--skip-log-bin",
    "--performance-schema=off",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-buffer-pool-size=64M",
]
POSTGRES = [
    *("-c", "listen_addresses="),
    *("-c", "fsync=off"),
    *("-c", "synchronous_commit=off"),
    *("-c", "full_page_writes=off"),
]


class ProgramMissingError(RuntimeError):
    """A server's programs are not installed; the text says which package has them."""


@contextmanager
def mariadb() -> Iterator[str]:
    """A MariaDB server's URL, which holds no password."""
    install = _program("mariadb-install-db", "mariadb-server-core", ("/usr/bin",))
    _program("my_print_defaults", "mariadb-client-core", ("/usr/bin",))  # which the former calls
    server = _program("mariadbd", "mariadb-server-core", ("/usr/sbin",))
    with _folder() as folder:
        data, socket = folder / "data", folder / "s"
        setup = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
        _run([install, "--no-defaults", f"--datadir={data}", *setup], folder)
        command = [server, *MARIADB, f"--datadir={data}", f"--socket={socket}", f"--pid-file={folder}/pid"]
        with _served(command, folder, socket):
            yield f"mariadb://root@localhost/?unix_socket={socket}"


@contextmanager
def postgresql() -> Iterator[str]:
    """A PostgreSQL server's URL, which holds a password."""
    places = tuple(str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))
    initdb = _program("initdb", "postgresql", places)
    server = _program("postgres", "postgresql", places)
    with _folder() as folder:
        data, password = folder / "data", secrets.token_hex(8)
        file = folder / "password"
        file.write_text(password)
        setup = ["--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", "--no-sync"]
        _run([initdb, "-D", str(data), "-U", ADMIN, f"--pwfile={file}", *setup], folder)
        command = [server, "-D", str(data), "-k", str(folder), *POSTGRES]
        with _served(command, folder, folder / ".s.PGSQL.5432"):
            yield f"postgresql://{ADMIN}:{password}@/postgres?host={folder}"


def _program(name: str, package: str, places: Sequence[str]) -> str:
    found = shutil.which(name, path=os.pathsep.join([*places, os.environ.get("PATH", "")]))
    if found is None:
        raise ProgramMissingError(f"{name} is missing: as root, apt-get install {package}")
    return found


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder of the server's user. Its name is short, as names of sockets must be."""
    folder = Path(tempfile.mkdtemp(prefix="db-", dir="/tmp"))
    try:
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_nobody() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    return {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}


def _run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=_environment(folder), **_as_nobody()
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout}\n{done.stderr}")


@contextmanager
def _served(command: Sequence[str], folder: Path, socket: Path) -> Iterator[None]:
    """The server while it runs; its socket is there, and it answers."""
    log = folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=folder, stdout=file, stderr=file, env=_environment(folder), **_as_nobody()
        )
    try:
        end = time.monotonic() + PATIENCE
        while not socket.exists() or b"ready" not in log.read_bytes():
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{command[0]} did not start:\n{log.read_text(errors='replace')}")
            time.sleep(0.02)
        yield
    finally:
        process.send_signal(
            signal.SIGINT if "postgres" in command[0] else signal.SIGTERM
        )  # without waiting
        process.wait(PATIENCE)


def _environment(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "HOME": str(folder), "LC_ALL": "C.UTF-8"}
