"""What an agent sees of an output, as AgentBench shows it: its sentence, its limit of 800 characters.

The idea: control codes are taken out (there is no terminal here, but programs and files hold them), and
what a limit did is said behind the output, since an agent cannot see it otherwise.
"""

from __future__ import annotations

import re

from trajectune.environments.operating_system.sandbox.box import Output
from trajectune.environments.operating_system.sandbox.limits import Limits

MOST, SHOWN = 800, 780
"""An output of more than `MOST` characters is cut to `SHOWN`."""
CUT = "\n[truncated because the output is too long]"
EMPTY = "The output of the OS is empty."
SENTENCE = "The output of the OS:\n\n"

_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])|\r(?=\n)"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def observe(output: Output, limits: Limits) -> str:
    """The observation for an output."""
    text = cleaned(output.data)
    said = notes(output, limits)
    if not text:
        return " ".join((EMPTY, *said))
    return "\n".join((SENTENCE + text, *said))


def cleaned(data: bytes) -> str:
    """Readable text of bounded length."""
    text = _CONTROLS.sub("", _ESCAPES.sub("", data.decode("utf-8", "replace"))).rstrip("\n")
    return text if len(text) <= MOST else text[:SHOWN] + CUT


def notes(output: Output, limits: Limits) -> list[str]:
    """What the agent must know besides."""
    said = []
    if output.stopped == "time":
        said.append(f"[stopped: it ran longer than {limits.seconds:g} seconds]")
    if output.stopped == "output":
        said.append(f"[stopped: it printed more than {limits.output} MB]")
    if output.gone:
        said.append(f"[the machine was stopped: {output.gone}]")
    elif output.new_shell:
        said.append("[the shell has ended; a new one is there, without its variables and folder]")
    return said
