"""The `trajectune` command: from the first moment to the exit status.

Invariants: a user's mistake, and a disk that takes nothing more, end in two or three lines on stderr and
status 2; Ctrl-C ends in one line and 130, SIGTERM in one line and 143, at any moment; never a traceback.
Nothing heavy is imported before the signals are heard.
"""

from __future__ import annotations

import io
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

MISTAKE = 2
"""Exit status for what the user must mend."""
HEARD = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
AGAIN = 0.05
"""Seconds until a signal that came during an import is tried again."""
IMPORTER = "<frozen importlib._bootstrap>"
"""What the interpreter calls the code that imports."""
STOPPED = "stopped; what is finished is kept: the same command again goes on"


def main() -> None:
    """Entry point."""
    heard: list[int] = []
    with _listening(heard):
        try:
            _run()
        except BaseException as leaving:
            # What a signal cuts short may end in another exception than the signal's own.
            if not heard or (isinstance(leaving, SystemExit) and not leaving.code):
                raise
            for number in HEARD:
                signal.signal(number, signal.SIG_IGN)  # the way out is short
            print(STOPPED, file=sys.stderr)
            sys.exit(128 + heard[0])


def _run() -> None:
    """The command. What a user must mend is printed, with status 2."""
    from trajectune.errors import TrajectuneError
    from trajectune.storage.atomic import writing

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that knows few characters
    from trajectune.cli.app import app

    try:
        with writing("a file of this command"):
            app(prog_name="trajectune")
    except TrajectuneError as error:
        from rich.markup import escape

        from trajectune.terminal import Terminal

        message = f"[bold red]error:[/] {escape(str(error))}"
        Terminal(stderr=True).print(message, highlight=False, soft_wrap=True)
        sys.exit(MISTAKE)


@contextmanager
def _listening(heard: list[int]) -> Iterator[None]:
    """Ctrl-C and SIGTERM become `KeyboardInterrupt`, and their numbers are kept; ignored ones stay so.

    While something is imported they wait until that is done: libraries swallow exceptions there, in C too.
    """

    def hear(number: int, frame: FrameType | None) -> None:
        if number != signal.SIGALRM:
            heard.append(number)
        if _is_importing(frame):
            signal.setitimer(signal.ITIMER_REAL, AGAIN)
            return
        raise KeyboardInterrupt

    before = {
        number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    }
    for number, old in before.items():
        if old is not signal.SIG_IGN:
            signal.signal(number, hear)
    try:
        yield
    finally:
        if not heard:
            for number, old in before.items():
                signal.signal(number, old)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code.co_filename != IMPORTER:
        frame = frame.f_back
    return frame is not None


if __name__ == "__main__":
    main()
