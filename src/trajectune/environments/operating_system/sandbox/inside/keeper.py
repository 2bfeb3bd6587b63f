"""The process that starts boxes: `python -m …sandbox.inside.keeper`, with a socket as standard input.

The idea: a box must be the child of a process with one thread (bubblewrap lets it die with the *thread*
that started it) and is made by forking, which a program full of threads and memory should not do. So one
small process does it: a request comes with the three descriptors that the box is to have, the answer takes
a descriptor back that stands for the box's process.

Invariant: when the socket closes the keeper ends, and with it all boxes. What goes wrong while a box is
made is written to that box's standard error, in one line; the keeper itself goes on.
"""

from __future__ import annotations

import json
import os
import signal
import socket
from contextlib import suppress
from typing import Any, NoReturn

from trajectune.environments.operating_system.sandbox.inside import filter, namespaces, root
from trajectune.environments.operating_system.sandbox.inside.command import COMMAND, options

ROOM = "/tmp"
"""Where the file system of a box is mounted while it is made, unseen by others; any folder would do."""
LARGEST = 65_536
"""Bytes of a request."""


def main() -> None:
    """Serve until the other side is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # whatever this program inherited
    root.alternatives()  # looked up once, for all that fork from here
    root.mounts()
    with socket.socket(fileno=os.dup(0)) as connection:
        while True:
            text, descriptors, _, _ = socket.recv_fds(connection, LARGEST, 3)
            if not text:
                return
            _forget_ended()
            process = os.fork()
            if process == 0:
                connection.close()
                become(json.loads(text), descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
            handle = os.pidfd_open(process)
            socket.send_fds(connection, [str(process).encode()], [handle])
            os.close(handle)


def _forget_ended() -> None:
    """Let go of boxes that have ended; not at once: a handle is to be had of one that ends at birth too."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def become(request: dict[str, Any], descriptors: list[int]) -> NoReturn:
    """Turn this process into the box of a request."""
    for place, descriptor in enumerate(descriptors):
        os.dup2(descriptor, place)
    os.closerange(3, 64)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        identity = request["identity"]
        program = os.open(request["program"], os.O_RDONLY)  # it may lie where the box is being made
        os.set_inheritable(program, True)
        namespaces.enter(identity)
        namespaces.limit(request)
        namespaces.enter_again(identity["count"], request["processes"])
        namespaces.mount_memory(ROOM, request["disk"], request["files"])
        root.build(ROOM, identity["count"] > 1)
        told = "\0".join(options(ROOM, _readable(filter.program()))).encode()
        arguments = ["--args", str(_readable(told)), "--", *COMMAND]  # so that `ps` in a box stays readable
        # without variables: a box can read those of its first process
        os.execve(program, [request["program"], *arguments], {})
    except Exception as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    os._exit(1)


def _readable(data: bytes) -> int:
    """A descriptor from which these bytes can be read; they fit a pipe."""
    ours, theirs = os.pipe()
    os.write(theirs, data)
    os.close(theirs)
    os.set_inheritable(ours, True)
    return ours


if __name__ == "__main__":
    main()
