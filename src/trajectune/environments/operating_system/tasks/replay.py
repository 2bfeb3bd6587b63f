"""Does a task's gold answer hold on this machine? Tried out, in boxes of its own.

The idea: AgentBench's gold scripts were written for its own container; here they meet other programs and
other users, and some never worked. So each is run twice in fresh boxes, once as a check runs it and once
as an agent would, and a task is used only when both agree. The answer is kept: an episode is judged
against what the gold printed on an untouched machine, which nothing that an agent does can change.

Invariant: a reason begins with one of `REASONS`, so that they can be counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from trajectune.environments.operating_system.expert.reading import thoughts
from trajectune.environments.operating_system.machine import InitError, judge, prepare, run_apart
from trajectune.environments.operating_system.observation import cleaned
from trajectune.environments.operating_system.sandbox.box import Box, Output
from trajectune.environments.operating_system.sandbox.limits import Limits
from trajectune.environments.operating_system.sandbox.shell import unfit
from trajectune.environments.operating_system.tasks.matching import passes
from trajectune.environments.operating_system.tasks.problem import Problem, Script, Stage
from trajectune.environments.operating_system.tasks.rows import Row

REASONS = (
    "its init script fails",
    "its gold script fails",
    "its gold script prints nothing",
    "its gold answer does not pass its own check",
    "its gold answer differs between two machines",
    "it is too slow here",
    "an agent that knows nothing would be paid",
)
BLIND = ("", "None", "Done.")
"""Answers of agents that know nothing; the question itself is another."""
MORE = 6
"""Trials of a machine that is drawn at random, whose answer may be the same twice by chance."""
_RANDOM = re.compile(r"random|\bshuf\b", re.IGNORECASE)
_LEAVES = re.compile(r"\b(?:exit|set|exec|cd|trap)\b")


class DoesNotHoldError(Exception):
    """The text is the reason."""


def replayed(row: Row, program: str, limits: Limits) -> Problem:
    """The problem with its gold answer and its solution. Raises `DoesNotHoldError`."""
    problem = row.problem
    if row.example is None:
        return _alone(problem, program, limits)
    if problem.check:
        return _answered(problem, row.example, program, limits)
    return _changed(problem, row.example, program, limits)


def _alone(problem: Problem, program: str, limits: Limits) -> Problem:
    """A task without a gold script: its machine must be had, and its answer must not be for everybody."""
    _box(problem, program, limits).close()
    if not problem.check:
        raise DoesNotHoldError(f"{REASONS[1]}: there is none")
    return _earned(problem)


def _answered(problem: Problem, example: Script, program: str, limits: Limits) -> Problem:
    gold = _printed(_in_box(problem, program, limits, lambda box: run_apart(box, example, errors=False)))
    if problem.check not in ("match", "regex"):
        problem = replace(problem, answer=gold)
    if not passes(problem.check, gold, problem.answer):
        raise DoesNotHoldError(f"{REASONS[3]}: {gold[:60]!r}")
    _earned(problem)
    rounds = MORE if any(_RANDOM.search(script.code) for script in (*problem.init, example)) else 1
    for script in _forms(example):
        if unfit(script):
            continue
        outputs = (_in_box(problem, program, limits, lambda b, s=script: b.run(s)) for _ in range(rounds))
        if all(passes(problem.check, cleaned(output.data), problem.answer) for output in outputs):
            return replace(problem, stages=(Stage(script, thoughts(script)),))
    raise DoesNotHoldError(f"{REASONS[4]}: {gold[:60]!r}")


def _changed(problem: Problem, example: Script, program: str, limits: Limits) -> Problem:
    """A task with check scripts of its own: they must accept the gold, and nobody who does nothing."""
    for answer in (*BLIND, problem.question):
        with_box = _in_box(problem, program, limits, lambda box, a=answer: _judged(box, problem, a))
        if with_box.status == 0:
            raise DoesNotHoldError(f"{REASONS[6]}: by the answer {answer[:40]!r}")
    script = _forms(example)[0]

    def solve(box: Box) -> Output:
        printed = cleaned(box.run(script).data)
        return _judged(box, problem, printed)

    if _in_box(problem, program, limits, solve).status != 0:
        raise DoesNotHoldError(REASONS[3])
    return replace(problem, stages=(Stage(script, thoughts(script)),))


def _judged(box: Box, problem: Problem, answer: str) -> Output:
    return Output(b"", 0 if judge(box, problem.scripts, answer) else 1)


def _earned(problem: Problem) -> Problem:
    """The problem, where its answer has to be found out."""
    for answer in (*BLIND, problem.question):
        if passes(problem.check, answer, problem.answer):
            raise DoesNotHoldError(f"{REASONS[6]}: by the answer {answer[:40]!r}")
    return problem


def _forms(example: Script) -> list[str]:
    """The gold script as an agent would give it.

    Plain, or so that it neither leaves the shell nor complains.
    """
    code = example.code.strip()
    if example.language == "python":
        code = f"python3 - <<'PYTHON'\n{code}\nPYTHON"
    apart = f"(\n{code}\n)"
    return [apart if _LEAVES.search(code) else code, f"{apart} 2>/dev/null"]


def _box(problem: Problem, program: str, limits: Limits) -> Box:
    try:
        return prepare(program, problem, limits)
    except InitError as error:
        raise DoesNotHoldError(f"{REASONS[0]}: {error.where}") from None


def _in_box(problem: Problem, program: str, limits: Limits, action: Callable[[Box], Output]) -> Output:
    box = _box(problem, program, limits)
    try:
        output = action(box)
    finally:
        box.close()
    if output.stopped or output.gone:
        raise DoesNotHoldError(f"{REASONS[5]}: {output.gone or output.stopped}")
    return output


def _printed(output: Output) -> str:
    text = cleaned(output.data).strip()
    if output.status != 0:
        raise DoesNotHoldError(f"{REASONS[1]}: status {output.status}")
    if not text:
        raise DoesNotHoldError(REASONS[2])
    return text
