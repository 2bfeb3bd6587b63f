"""`trajectune instructions`: make tasks of questions that were asked, or let a model invent them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import yaml

from trajectune.cli.options import grouped
from trajectune.terminal import Terminal

if TYPE_CHECKING:
    from trajectune.agents.contract import Agent
    from trajectune.instructions.outcome import Constructed

app = typer.Typer(no_args_is_help=True)

To = Annotated[Path, typer.Option("--to", metavar="FOLDER", help="Where the tasks go.")]
Seed = Annotated[int, typer.Option(help="Settles all that is drawn.")]


@dataclass(frozen=True, slots=True)
class TeacherOptions:
    """The model that writes."""

    model: Annotated[
        str,
        typer.Option("--model", "-m", help="`embedded`, a folder, a hub name; with --url its name there."),
    ]
    url: Annotated[
        str, typer.Option(help="An OpenAI-compatible server, such as http://localhost:8000/v1.")
    ] = ""
    key_variable: Annotated[
        str, typer.Option(metavar="NAME", help="Environment variable with the server's key.")
    ] = "OPENAI_API_KEY"
    workers: Annotated[int, typer.Option(min=1, help="Requests at the same time.")] = 8
    temperature: Annotated[float, typer.Option(min=0, help="0 writes the same for the same prompt.")] = 0.8
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest reply.")] = 700
    max_context: Annotated[int, typer.Option(min=64, help="Longest prompt and reply of a local model.")] = (
        4096
    )


@app.command()
def derive(
    questions: Annotated[
        Path, typer.Argument(metavar="QUESTIONS", help="A JSON list of BIRD's or Spider's shape.")
    ],
    databases: Annotated[
        Path,
        typer.Argument(
            metavar="DATABASES", help="An .sqlite file, a MySQL dump (.sql), or NAME/NAME.sqlite."
        ),
    ],
    to: To,
    tasks: Annotated[int | None, typer.Option(min=1, help="Draw so many; all, if left out.")] = None,
    seed: Seed = 0,
) -> None:
    """Make database tasks of questions with gold SQL (task derivation).

    `trajectune instructions derive superhero_questions.json superhero.sqlite --to derived`. Each gold
    statement is run. A question is left out, with the reason in `rejected.jsonl`, where its gold fails,
    finds nothing or more than an agent is shown, or leaves its result to the engine (ties at a LIMIT,
    columns outside of a GROUP BY). The lines that are printed put the tasks into a recipe.
    """
    from trajectune.run.api.instructions import derive as make

    _show(make(questions, databases, to=to, tasks=tasks, seed=seed))


@app.command()
@grouped
def invent(
    environment: Annotated[
        str, typer.Argument(metavar="ENVIRONMENT", help="`database` or `operating_system`.")
    ],
    to: To,
    teacher: TeacherOptions,
    tasks: Annotated[int, typer.Option(min=1, help="Stop when so many are accepted.")] = 100,
    requests: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many requests; by default four for each task.")
    ] = None,
    seeds: Annotated[
        str,
        typer.Option(metavar="FILE", help="AgentBench's tasks to draw examples from; else generated ones."),
    ] = "",
    seed: Seed = 0,
) -> None:
    """Let a model write new tasks, and keep those that hold when they are run (Self-Instruct).

    `trajectune instructions invent operating_system --to invented --url http://localhost:8000/v1 --model
    M`. Scripts run only in the sandbox, SQL only in the fenced engine. A task is kept when its gold
    passes its own check, doing nothing does not, and no earlier task is like it; all others are counted
    by reason and kept in `rejected.jsonl`. The same command goes on where it was stopped.
    """
    from trajectune.run.api.instructions import invent as make
    from trajectune.run.api.instructions import kind_of

    kind_of(environment, seeds)  # a wrong name is said before a model is loaded
    agent = _agent(teacher)
    try:
        _show(make(environment, agent, to=to, tasks=tasks, requests=requests, seeds=seeds, seed=seed))
    finally:
        agent.close()


def _agent(teacher: TeacherOptions) -> Agent:
    from trajectune.agents.endpoint import EndpointAgent
    from trajectune.agents.local import LocalAgent

    limits = {"temperature": teacher.temperature, "max_new_tokens": teacher.max_new_tokens}
    if not teacher.url:
        return LocalAgent(
            teacher.model, batch_size=teacher.workers, max_context=teacher.max_context, **limits
        )
    return EndpointAgent(
        teacher.url, teacher.model, key_variable=teacher.key_variable, workers=teacher.workers, **limits
    )


def _show(made: Constructed) -> None:
    """The funnel, and how a recipe uses the tasks."""
    from trajectune.report.sections.instructions import instructions_table

    console = Terminal()
    console.print(instructions_table({made.environment: made.counts}))
    section = {
        "environments": {made.environment: {"options": made.options, "collect": made.counts.accepted}}
    }
    console.print("In a recipe:")
    console.print(yaml.safe_dump(section, sort_keys=False), markup=False, highlight=False, soft_wrap=True)
