"""Tasks about texts: logs, tables and settings."""

from __future__ import annotations

from collections import Counter

from trajectune.environments.operating_system.generator.draw import Draw, stage, word
from trajectune.environments.operating_system.tasks.problem import Fact, Problem

LEVELS = ("INFO", "WARN", "ERROR", "DEBUG")


def count_lines(draw: Draw) -> Problem:
    """How many lines of a log have a level and a word."""
    path, level = draw.file("log"), draw.one(LEVELS)
    wanted, *others = draw.some(draw.pool.words, 4)
    lines, number = [], 0
    for day in range(draw.rng.randint(40, 70)):
        has, event = draw.one(LEVELS), draw.one((wanted, wanted, *others))
        lines.append(
            f"2024-{1 + day % 12:02d}-{1 + day % 28:02d} {has} {event} request {draw.rng.randint(1, 999)}"
        )
        number += has == level and event == wanted
    draw.init.write(path, "\n".join(lines) + "\n")
    return draw.problem(
        [
            stage(
                f"head -n 3 {word(path)}",
                "I look at a few lines to learn their form.",
                "How is the log written? I print its beginning.",
                look=True,
            ),
            stage(
                f"grep '{level} {wanted}' {word(path)} | wc -l",
                f"Level and event stand side by side: I search for '{level} {wanted}' and count.",
                f"I keep the lines with {level} {wanted} and count them.",
            ),
        ],
        answer=number,
        path=path,
        level=level,
        word=wanted,
    )


def sum_column(draw: Draw) -> Problem:
    """The sum of a column over the rows of one city."""
    path, cities = draw.file("csv"), draw.some(draw.pool.cities, 4)
    wanted, total, rows = cities[0], 0, ["name,city,units"]
    for _ in range(draw.rng.randint(15, 30)):
        city, units = draw.one(cities), draw.rng.randint(10, 999)
        rows.append(f"{draw.one(draw.pool.people)},{city},{units}")
        total += units if city == wanted else 0
    if total == 0:
        rows.append(f"{draw.one(draw.pool.people)},{wanted},417")
        total = 417
    draw.init.write(path, "\n".join(rows) + "\n")
    return draw.problem(
        [
            stage(
                f"head -n 4 {word(path)}",
                "I need to know the columns, so I print the first lines.",
                "First the header: which column holds what?",
                look=True,
            ),
            stage(
                f"awk -F, '$2 == \"{wanted}\" {{ sum += $3 }} END {{ print sum }}' {word(path)}",
                f"The city is column 2, the units are column 3: awk adds up those of {wanted}.",
                f"awk splits at commas and sums the third column of the rows of {wanted}.",
            ),
        ],
        answer=total,
        path=path,
        city=wanted,
    )


def most_frequent(draw: Draw) -> Problem:
    """Which value of a column is the most frequent."""
    path, people = draw.file("log"), draw.some(draw.pool.people, 5)
    counts = Counter(dict(zip(people, draw.rng.sample(range(3, 14), 5), strict=True)))
    lines = [
        f"{draw.rng.randint(10, 23)}:{draw.rng.randint(10, 59)} {name} {draw.one(draw.pool.words)}"
        for name in counts.elements()
    ]
    draw.rng.shuffle(lines)
    draw.init.write(path, "\n".join(lines) + "\n")
    return draw.problem(
        [
            stage(
                f"head -n 3 {word(path)}",
                "I look at the form of the lines.",
                "Where does the name stand in a line? I print some.",
                look=True,
            ),
            stage(
                f"awk '{{ print $2 }}' {word(path)} | sort | uniq -c | sort -rn | head -n 1",
                "The name is the second field: I count each one and sort by the count.",
                "I take the second field, count equal names with uniq -c, and put the largest count first.",
            ),
            stage(
                f"awk '{{ print $2 }}' {word(path)} | sort | uniq -c | sort -rn | "
                "awk 'NR == 1 { print $2 }'",
                "The name beside the largest count is the answer; I print it alone.",
                "Now only the name, without its count.",
            ),
        ],
        answer=counts.most_common(1)[0][0],
        path=path,
    )


def replace_word(draw: Draw) -> Problem:
    """Replace a word in the settings files of a folder, and in no others."""
    top = draw.folder()
    old, new = (f"{draw.one(draw.pool.stems)}.{draw.one(draw.pool.folders)}" for _ in range(2))
    old, new = f"{old}.net", f"{new}.org"
    facts = []
    for number, path in enumerate(
        [*draw.names([top], "conf", draw.rng.randint(2, 4)), f"{top}/README.txt"]
    ):
        text = f"# settings {number}\nhost={old}\nport={draw.rng.randint(1000, 9999)}\nmirror={old}\n"
        draw.init.write(path, text)
        wanted = text if path.endswith("txt") else text.replace(old, new)
        facts.append(Fact("text", path, wanted.rstrip()))
    pattern = old.replace(".", r"\.")
    return draw.problem(
        [
            stage(
                f"grep -r '{old}' {word(top)}",
                f"I look where {old} is used.",
                "First I search for the old name.",
                look=True,
            ),
            stage(
                f"sed -i 's/{pattern}/{new}/g' {word(top)}/*.conf",
                "sed -i edits in place; g takes every occurrence, and *.conf spares the rest.",
                f"I replace it in all .conf files of {top}; the dots are escaped, so that they mean dots.",
            ),
            stage(
                f"grep -c '{new}' {word(top)}/*.conf",
                "I check that the new name is there.",
                "Let me count the new name in each file.",
                look=True,
            ),
        ],
        facts=facts,
        folder=top,
        old=old,
        new=new,
    )


def extract_unique(draw: Draw) -> Problem:
    """Write the different values of a column, sorted, into a file."""
    path, target = draw.file("csv"), f"/root/{draw.one(draw.pool.stems)}-list.txt"
    cities = draw.some(draw.pool.cities, draw.rng.randint(4, 8))
    rows = [
        f"{draw.rng.randint(100, 999)};{draw.one(cities)};{draw.one(draw.pool.words)}" for _ in range(20)
    ]
    draw.init.write(path, "\n".join(rows) + "\n")
    found = sorted({row.split(";")[1] for row in rows})
    return draw.problem(
        [
            stage(
                f"head -n 3 {word(path)}",
                "I look at the columns first.",
                "What separates the columns? I print three lines.",
                look=True,
            ),
            stage(
                f"cut -d';' -f2 {word(path)} | sort -u > {word(target)}",
                "The cities are the second column; sort -u sorts them and drops repetitions.",
                f"I cut out column 2, sort it uniquely, and write the result to {target}.",
            ),
            stage(f"cat {word(target)}", "I check the file.", "Is the list right?", look=True),
        ],
        facts=[Fact("text", target, "\n".join(found))],
        path=path,
        target=target,
    )


KINDS = {f.__name__: f for f in (count_lines, sum_column, most_frequent, replace_word, extract_unique)}
