"""This program's side of the keeper, the process that starts boxes.

Invariants: there is one keeper in a program, started when it is first needed and again when it has ended; a
forked child leaves its parent's alone and starts its own. It ends with this program, whatever ends that.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from trajectune.errors import EpisodeError

PATIENCE = 60.0
"""Seconds in which a keeper must answer before it counts as broken."""
MODULE = "trajectune.environments.operating_system.sandbox.inside.keeper"


class Keeper:
    """Starts boxes; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, request: dict[str, Any], descriptors: list[int]) -> tuple[int, int]:
        """A new box with these descriptors as its 0, 1 and 2: its process id, and a pidfd of it.

        Raises `EpisodeError` where the keeper itself cannot be had.
        """
        text = [json.dumps(request).encode()]
        with self._lock:
            for _ in range(2):  # the second time with a new keeper
                try:
                    connection = self._connected()
                    socket.send_fds(connection, text, descriptors)
                    answer, handles, _, _ = socket.recv_fds(connection, 64, 1)
                    if answer and handles:
                        return int(answer), handles[0]
                except OSError:
                    pass
                self._drop()
        raise EpisodeError(
            "The process that starts boxes does not answer.",
            remedy=f"see what it says: {sys.executable} -m {MODULE} < /dev/null",
        )

    def disown(self) -> None:
        """In a forked child: leave the keeper to the parent."""
        self._lock = threading.Lock()
        self._process = None
        self._drop()

    def _connected(self) -> socket.socket:
        if self._socket is None:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", MODULE],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env=os.environ | {"PYTHONPATH": _import_path()},
                    start_new_session=True,  # Ctrl-C is for this program
                )
            ours.settimeout(PATIENCE)
            self._socket = ours
        return self._socket

    def _drop(self) -> None:
        connection, self._socket = self._socket, None
        if connection is not None:
            connection.close()
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()


def _import_path() -> str:
    """Where modules are found here, so that they are found there."""
    return os.pathsep.join(str(Path(place).resolve()) for place in sys.path if place)


KEEPER = Keeper()
os.register_at_fork(after_in_child=KEEPER.disown)
