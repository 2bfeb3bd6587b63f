"""An episode played by hand in the terminal: lines that are typed become the moves of an agent.

A move is one call, several at once (every line but the last ends in a backslash), or words to the user
(`/say …`). Whatever is typed is answered by the environment, as an agent's calls are.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from rich.console import Console
from rich.markup import escape

from trajectune.terminal import Terminal

if TYPE_CHECKING:
    from pydantic import JsonValue

    from trajectune.environments.contract import Environment, Episode, StepResult, Task
    from trajectune.trajectory import Tool, ToolCall

QUIT, SAY, MORE = "/quit", "/say", "\\"


def play_task(environment: Environment, task: Task, seed: int) -> None:
    """Play a task until it is done, given up, or has taken as many moves as an agent may make."""
    console = Terminal()
    tools = list(environment.tools_of(task))
    console.print(f"[bold]{escape(task.id)}[/] {escape(task.kind)}")
    console.print(escape(environment.instruction(task)), style="dim")
    console.print(f"[dim]Type {usage(tools)}; {SAY} speaks, {QUIT} leaves.[/]")
    episode = environment.open(task, seed)
    try:
        console.print(escape(episode.observation))
        _play(console, episode, tools, environment.max_steps)
    finally:
        episode.close()


def _play(console: Console, episode: Episode, tools: list[Tool], moves: int) -> None:
    for move in range(1, moves + 1):
        lines = _typed(f"[{move}/{moves}]> ")
        if lines is None:
            return
        results = _answered(episode, lines, tools)
        for result in results:
            fault = f" [yellow]({result.fault})[/]" if result.fault else ""
            console.print(escape(result.observation) + fault, soft_wrap=True)
        if new := [tool for result in results for tool in result.tools]:
            tools += new
            console.print(f"[dim]From now on also {usage(new)}.[/]")
        if results[-1].done:
            console.print(f"[bold]reward {results[-1].reward:g}[/]")
            return
    console.print("[bold]step limit[/]")


def _typed(prompt: str) -> list[str] | None:
    """The lines of one move; `None` to leave."""
    lines: list[str] = []
    while True:
        try:
            line = input(prompt if not lines else " " * len(prompt)).strip()
        except EOFError:
            return None
        if line == QUIT:
            return None
        lines.append(line.removesuffix(MORE))
        if not line.endswith(MORE):
            return lines


def _answered(episode: Episode, lines: Sequence[str], tools: Sequence[Tool]) -> list[StepResult]:
    words = lines[0].split(maxsplit=1)
    if words and words[0] == SAY:
        return [episode.reply(words[1] if len(words) > 1 else "")]
    return episode.steps([parse_call(line, tools) for line in lines])


def parse_call(line: str, tools: Sequence[Tool]) -> ToolCall:
    """A typed line as a tool call: `TOOL {"json": …}`, `TOOL text`, or `TOOL one, two`.

    Several arguments stand in the order that the tool names them in. With a single tool its name may be
    omitted. A list takes JSON, or words with commas between them.
    """
    from trajectune.trajectory import ToolCall

    word, _, rest = line.strip().partition(" ")
    tool = next((tool for tool in tools if tool.name == word), None)
    if tool is None and len(tools) == 1:
        tool, rest = tools[0], line.strip()
    if tool is None:
        return ToolCall(name=word)
    value = _json(rest)
    if isinstance(value, dict):
        return ToolCall(name=tool.name, arguments=value)
    properties = cast("dict[str, Any]", tool.parameters.get("properties", {}))
    parts = [part.strip() for part in rest.split(",", len(properties) - 1)]
    arguments = {
        key: _argument(part, _json(part), schema.get("type", "string"))
        for (key, schema), part in zip(properties.items(), parts, strict=False)
        if part or len(properties) == 1
    }
    return ToolCall(name=tool.name, arguments=arguments)


def _argument(text: str, value: JsonValue, kind: str) -> JsonValue:
    """What was typed, as the kind of value that the tool takes; the text itself where it is none."""
    if kind == "array" and not isinstance(value, list):
        return [part.strip() for part in text.split(",")]
    return text if kind == "string" or value is None else value


def _json(text: str) -> JsonValue:
    try:
        return json.loads(text)
    except ValueError:
        return None


def usage(tools: Sequence[Tool]) -> str:
    """How the tools are typed: `sql <query> or answer <values>`."""
    shown = []
    for tool in tools:
        names = list(cast("dict[str, Any]", tool.parameters.get("properties", {})))
        shown.append(escape(f"{tool.name} {', '.join(f'<{name}>' for name in names)}".strip()))
    return " or ".join(shown)
