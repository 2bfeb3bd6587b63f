"""The promises about what a task offers: its tools, a demonstration, calls at once and words to the user.

The idea and the form are those of `trajectune.environments.promises`; most environments have the plain
case (one set of tools, one call a move, nobody to speak to) and keep these without a line of code.
"""

from __future__ import annotations

from collections.abc import Iterator

from trajectune.environments.contract import Environment, StepResult, Task
from trajectune.environments.promises import Finding, check_observation, wrong_calls
from trajectune.trajectory import Tool


def tools(environment: Environment, task: Task, _: Task) -> Iterator[Finding]:
    """A task has tools, each with a name of its own, a description and a schema."""
    offered = list(environment.tools_of(task))
    if not offered:
        text = "there is no tool: set the class attribute `tools`, or give some in `tools_of(task)`."
        yield Finding("error", "tools", text, task.id)
    if len({tool.name for tool in offered}) != len(offered):
        yield Finding("error", "tools", "two tools have the same name.", task.id)
    if offered != list(environment.tools_of(task)):
        yield Finding("error", "tools", "tools_of(task) changes between calls.", task.id)
    for tool in offered:
        yield from _described(tool, task)


def _described(tool: Tool, task: Task) -> Iterator[Finding]:
    if tool.parameters.get("type") != "object" or "properties" not in tool.parameters:
        text = (
            f"tool {tool.name!r}: `parameters` must be a JSON schema "
            '{"type": "object", "properties": {…}, "required": […]}.'
        )
        yield Finding("error", "tools", text, task.id)
    if not tool.description:
        text = f"tool {tool.name!r} has no description: a model reads it to know when to call."
        yield Finding("error", "tools", text, task.id)


def demonstration(environment: Environment, task: Task, _: Task) -> Iterator[Finding]:
    """What is shown beforehand is a problem and its moves, with tools that the agent has by then."""
    shown = environment.demonstration(task)
    if shown is None:
        return

    def wrong(message: str) -> Finding:
        return Finding("error", "demonstration", message, task.id)

    if not shown.observation.strip():
        yield wrong("has no observation: say the problem that it solves.")
    if not shown.steps:
        yield wrong("has no steps: give the moves, or None for no demonstration.")
    known = {tool.name for tool in environment.tools_of(task)}
    for number, step in enumerate(shown.steps, 1):
        if not step.actions and step.message is None:
            yield wrong(f"step {number} neither calls a tool nor speaks.")
        for call in step.calls:
            if call.name not in known:
                yield wrong(
                    f"step {number} calls {call.name!r}; the tools are: {', '.join(sorted(known))}."
                )
        known |= {tool.name for tool in step.tools}


def calls_at_once(environment: Environment, task: Task, _: Task) -> Iterator[Finding]:
    """`steps` answers each call of a move, up to the one that ends the episode."""
    episode = environment.open(task, seed=7)
    wrong = wrong_calls(environment.tools_of(task))[:1] * 2
    results = episode.steps(wrong)
    ended = any(result.done for result in results)
    if len(results) != len(wrong) and not ended:
        text = f"steps() answered {len(results)} of {len(wrong)} calls: give a StepResult for each."
        yield Finding("error", "calls at once", text, task.id)
    if any(result.fault is None for result in results):
        yield Finding("error", "calls at once", "an unknown tool was answered without a fault.", task.id)
    episode.close()


def words(environment: Environment, task: Task, _: Task) -> Iterator[Finding]:
    """Words to the user are answered, whatever they are."""
    episode = environment.open(task, seed=7)
    for said in ("Hello?", "", "\x00" * 10, "x" * 100_000):
        result = episode.reply(said)
        if not isinstance(result, StepResult):
            text = f"reply({said[:10]!r}) gave {type(result).__name__}, not a StepResult."
            yield Finding("error", "words to the user", text, task.id)
        elif result.done:
            break
        elif not result.observation:
            text = f"reply({said[:10]!r}) was answered with nothing: say something, or end the episode."
            yield Finding("error", "words to the user", text, task.id)
        else:
            yield from check_observation(result.observation, task)
    episode.close()
