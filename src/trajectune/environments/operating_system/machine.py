"""A box made ready for a problem, and the running of scripts in it.

The idea: the box of a problem is the same for the agent, for a replay of the gold solution and for a check:
init scripts as processes of their own, then what runs beside the agent, then a shell in the right folder.
"""

from __future__ import annotations

from collections.abc import Sequence

from trajectune.environments.operating_system.sandbox.box import Box, Output
from trajectune.environments.operating_system.sandbox.limits import Limits
from trajectune.environments.operating_system.sandbox.shell import quoted
from trajectune.environments.operating_system.tasks.problem import Problem, Script
from trajectune.errors import EpisodeError

PREPARING = 30.0
"""Seconds that one init or check script may take."""


class InitError(EpisodeError):
    """A problem's init script does not run on this machine."""


def prepare(program: str, problem: Problem, limits: Limits) -> Box:
    """A new box in the state in which the agent finds it. Raises `EpisodeError`."""
    box = Box(program, limits)
    try:
        for script in problem.init:
            output = run_apart(box, script)
            if output.status != 0:
                raise InitError("An init script failed.", where=_words(output), remedy="mend the task")
        if problem.start:
            box.run(f"( setsid bash -c {quoted(problem.start)} </dev/null >/dev/null 2>&1 & )")
        box.run(f"cd {quoted(problem.directory)}")
    except BaseException:
        box.close()
        raise
    return box


def run_apart(box: Box, script: Script, arguments: Sequence[str] = (), errors: bool = True) -> Output:
    """Run a script in `/` as a process of its own, as AgentBench runs init and check scripts."""
    words = [script.program, "-c", script.code]
    if arguments:
        words += ["--", *arguments] if script.program == "bash" else arguments
    # `--` is bash's $0, so that the first argument is $1; Python's argv[1] is what follows the code.
    line = " ".join(map(quoted, words))
    return box.run(f"(cd / && exec {line}{'' if errors else ' 2>/dev/null'})", PREPARING)


def judge(box: Box, scripts: Sequence[Script], answer: str) -> bool:
    """Whether all check scripts accept the answer, each given it and what the ones before printed."""
    box.renew()  # what the agent defined in its shell is not there any more
    arguments = [answer]
    for script in scripts:
        output = run_apart(box, script, arguments, errors=False)
        if output.status != 0:
            return False
        arguments.append(output.data.decode("utf-8", "replace").replace("\0", ""))
    return True


def _words(output: Output) -> str:
    text = output.data.decode("utf-8", "replace").strip()[-300:]
    return text or output.gone or output.stopped or f"exit status {output.status}"
