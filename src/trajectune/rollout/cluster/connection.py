"""The connection to a Ray cluster, held while a block runs.

Invariants: a connection that was there before is used and left alone; signals mean what they did before; a
cluster that cannot be reached is told within seconds; nothing is measured or sent for Ray's makers.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from trajectune.errors import RecipeError, UnavailableError, install_extra

CONNECT_SECONDS = 5.0
"""So long an address may take to answer."""
LOCAL = "local"
"""The address that starts a cluster on this machine, for as long as it is used."""
OBJECT_STORE_BYTES = 128 << 20
"""Of a cluster that is started here; trajectories that travel are small."""


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Be connected to a cluster: `auto`, `local` (started here), `HOST:PORT` or `ray://HOST:PORT`.

    Raises `UnavailableError` without Ray or where no cluster answers, `RecipeError` for what is no address.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        raise UnavailableError(
            f"a cluster needs the package {error.name!r}, which is not installed",
            remedy=install_extra("ray"),
        ) from None
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    logging.getLogger("ray").setLevel(logging.ERROR)
    _reach(address)
    with _signals_kept():
        _connect(address)
    try:
        with _silenced():
            yield
    finally:
        ray.shutdown()


def _connect(address: str) -> None:
    import ray

    own: dict[str, Any] = {}
    if address == LOCAL:
        os.environ.setdefault("RAY_worker_niceness", "0")  # Ray's 15 is for nodes that serve others too
        own = {"include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
    try:
        ray.init(address, log_to_driver=False, configure_logging=False, logging_level=logging.ERROR, **own)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise _unreached(address, str(error).split("\n", 1)[0]) from None


def _reach(address: str) -> None:
    """Knock, where the address says where: Ray itself would wait for minutes."""
    place = os.environ.get("RAY_ADDRESS", "") if address == "auto" else address
    if place in ("", "auto", LOCAL):
        return
    host, colon, port = place.removeprefix("ray://").rpartition(":")
    if not (host and colon and port.isdigit()):
        raise RecipeError(
            f"{place!r} is no address of a Ray cluster",
            remedy="give auto, local, HOST:PORT (of `ray start --head`) or ray://HOST:10001",
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise _unreached(place, str(error)) from None


def _unreached(address: str, why: str) -> UnavailableError:
    return UnavailableError(
        f"no Ray cluster answers: {why}",
        where=address,
        remedy="start one with `ray start --head` and give its address, or start one here: --ray local",
    )


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray answers SIGTERM in its own way from its start on; afterwards it is ours again."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


@contextmanager
def _silenced() -> Iterator[None]:
    """Without Ray's printer of what its nodes say: pages of a dead node's last log, on stdout.

    It has no switch (`log_to_driver` is for workers). What matters is told by the crew.
    """
    from ray._private import worker

    loud, worker.print_to_stdstream = worker.print_to_stdstream, lambda *_, **__: None
    try:
        yield
    finally:
        worker.print_to_stdstream = loud
