"""Tasks about running programs: small scripts that do nothing but wait."""

from __future__ import annotations

from trajectune.environments.operating_system.generator.draw import Draw, stage, word
from trajectune.environments.operating_system.tasks.problem import Fact, Problem

WAITING = "#!/bin/bash\nwhile :; do sleep 600; done\n"


READY = (
    "for p in $(jobs -p); do a=; until [ \"$a\" = /bin/bash ]; do read -rd '' a < /proc/$p/cmdline || :; "
    "done; done"
)
"""Waits until every program has become what its command line will say, without starting anything."""


def _programs(draw: Draw, counts: dict[str, int]) -> str:
    """Write the programs and start each of them so many times; gives their folder."""
    top = f"/opt/{draw.one(draw.pool.folders)}/bin"
    for name in counts:
        draw.init.write(f"{top}/{name}", WAITING)
    draw.init.run(f"chmod 755 {word(top)}/*")
    for name, count in counts.items():
        for _ in range(count):
            draw.init.run(f"setsid {top}/{name} </dev/null >/dev/null 2>&1 &")
    draw.init.run(READY)
    return top


def count_processes(draw: Draw) -> Problem:
    """How many processes of a program are running."""
    names = draw.some(draw.pool.programs, 3)
    counts = dict(zip(names, draw.rng.sample(range(2, 7), 3), strict=True))
    top = _programs(draw, counts)
    wanted = names[0]
    return draw.problem(
        [
            stage(
                f"ls {word(top)}",
                f"I look which programs are in {top}.",
                "First, which programs are there?",
                look=True,
            ),
            stage(
                f"ps -eo args | grep -c '[b]ash {top}/{wanted}$'",
                "A script's command line is bash and its path; the brackets keep grep itself out.",
                f"ps prints all command lines; I count those of {wanted}, without the one of grep.",
            ),
        ],
        answer=counts[wanted],
        program=f"{top}/{wanted}",
    )


def which_runs(draw: Draw) -> Problem:
    """Which of several programs is the one that runs."""
    names = draw.some(draw.pool.programs, 5)
    wanted = draw.one(names)
    top = _programs(draw, {name: int(name == wanted) for name in names})
    return draw.problem(
        [
            stage(
                f"ls {word(top)}",
                f"I look which programs {top} has.",
                "First the list of candidates.",
                look=True,
            ),
            stage(
                f"ps -eo args | grep '[b]ash {top}/' | sed 's|.*/||'",
                "One of them must be among the processes: I search for the folder and cut it off.",
                f"I look for a process from {top}, and keep what stands behind the last slash.",
            ),
        ],
        answer=wanted,
        folder=top,
    )


def stop_program(draw: Draw) -> Problem:
    """End all processes of one program and leave those of another alone."""
    names = draw.some(draw.pool.programs, 3)
    counts = dict(zip(names, (draw.rng.randint(2, 5), draw.rng.randint(1, 3), 1), strict=True))
    top = _programs(draw, counts)
    facts = [Fact("running", f"{top}/{name}", 0 if name == names[0] else counts[name]) for name in names]
    return draw.problem(
        [
            stage(
                f"pgrep -fc '^/bin/bash {top}/{names[0]}$'",
                f"I look how many processes run {names[0]}.",
                "How many of them are there? I count first.",
                look=True,
            ),
            stage(
                f"pkill -f '^/bin/bash {top}/{names[0]}$'",
                f"pkill -f compares whole command lines: this ends {names[0]} and no other.",
                f"I end every process whose command line is {top}/{names[0]}, and no other.",
            ),
            stage(
                f"sleep 0.2; pgrep -fc '^/bin/bash {top}/{names[0]}$'",
                "I check that none is left.",
                "Is there still one?",
                look=True,
            ),
        ],
        facts=facts,
        program=f"{top}/{names[0]}",
    )


KINDS = {f.__name__: f for f in (count_processes, which_runs, stop_program)}
