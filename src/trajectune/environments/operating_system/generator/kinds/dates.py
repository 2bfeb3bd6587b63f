"""Tasks about dates: of files, and in texts. None of them depends on today."""

from __future__ import annotations

from datetime import date, timedelta

from trajectune.environments.operating_system.generator.draw import Draw, stage, word
from trajectune.environments.operating_system.tasks.problem import Fact, Problem

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _day(draw: Draw, first: int = 2015, last: int = 2023) -> date:
    return date(draw.rng.randint(first, last), draw.rng.randint(1, 12), draw.rng.randint(1, 28))


def older_than(draw: Draw) -> Problem:
    """How many files were last changed before a day."""
    top, limit = draw.folder(), _day(draw, 2018, 2020)
    paths = draw.names([top], draw.one(draw.pool.extensions), draw.rng.randint(10, 18))
    number = draw.rng.randint(3, 8)
    for place, path in enumerate(paths):
        days = draw.rng.randint(2, 900)
        day = limit - timedelta(days) if place < number else limit + timedelta(days)
        draw.init.write(path, "")
        draw.init.run(f"touch -d {day} {word(path)}")
    return draw.problem(
        [
            stage(
                f"ls -l --time-style=long-iso {word(top)} | head -n 5",
                "I look at the dates of some files.",
                f"First a look at {top}, with dates.",
                look=True,
            ),
            stage(
                f"find {word(top)} -type f ! -newermt {limit} | wc -l",
                f"-newermt {limit} holds for files changed after that day began; I count the others.",
                "find compares times of change with a date; the exclamation mark turns the test round.",
            ),
        ],
        answer=number,
        folder=top,
        day=limit.isoformat(),
    )


def days_between(draw: Draw) -> Problem:
    """How many days lie between two dates in a file."""
    path, begin = draw.file("txt"), _day(draw)
    end = begin + timedelta(draw.rng.randint(30, 1500))
    draw.init.write(path, f"project: {draw.one(draw.pool.folders)}\nstart: {begin}\nend: {end}\n")
    return draw.problem(
        [
            stage(f"cat {word(path)}", "I read the two dates.", f"The dates are in {path}; I print it."),
            stage(
                f"echo $(( ($(date -ud {end} +%s) - $(date -ud {begin} +%s)) / 86400 ))",
                "In seconds since 1970 the two can be subtracted; a day has 86400.",
                f"I turn {begin} and {end} into seconds, subtract, and divide by the seconds of a day.",
            ),
        ],
        answer=(end - begin).days,
        path=path,
    )


def weekday(draw: Draw) -> Problem:
    """On which day of the week a file was last changed."""
    path, day = draw.file(), _day(draw)
    draw.init.write(path, draw.text(1))
    draw.init.run(f"touch -d '{day} 12:00' {word(path)}")
    return draw.problem(
        [
            stage(
                f"stat -c %y {word(path)}",
                "I look at the time of the last change.",
                "stat shows the date first.",
                look=True,
            ),
            stage(
                f"LC_ALL=C date -r {word(path)} +%A",
                "date -r reads a file's time of change, and %A prints the day of the week.",
                "date can name the weekday of the last change directly.",
            ),
        ],
        answer=WEEKDAYS[day.weekday()],
        path=path,
    )


def move_year(draw: Draw) -> Problem:
    """Move the files that were last changed in one year."""
    top, year = draw.folder(), draw.rng.randint(2016, 2021)
    target = f"{top}/{year}"
    paths = draw.names([top], draw.one(draw.pool.extensions), draw.rng.randint(6, 11))
    number = draw.rng.randint(2, 4)
    for place, path in enumerate(paths):
        day = _day(draw, year, year) if place < number else _day(draw, year + 1, year + 3)
        draw.init.write(path, draw.text(1))
        draw.init.run(f"touch -d '{day} 12:00' {word(path)}")
    after = [f"{year}/"] + [
        f"{year}/{name}" if place < number else name
        for place, name in enumerate(path.rpartition("/")[2] for path in paths)
    ]
    return draw.problem(
        [
            stage(
                f"ls -l --time-style=long-iso {word(top)} | awk '{{ print $6, $8 }}'",
                "I look at the dates of the files.",
                "Which files are from which year?",
                look=True,
            ),
            stage(
                f"mkdir {word(target)} && find {word(top)} -maxdepth 1 -type f -newermt {year}-01-01 "
                f"! -newermt {year + 1}-01-01 -exec mv -t {word(target)} {{}} +",
                f"find picks what was changed from the first day of {year} to the last, and moves it.",
                f"I make the folder {year} and move the files changed between two New Year's Days.",
            ),
            stage(f"ls {word(target)}", "I check what was moved.", "Are the right files there?", look=True),
        ],
        facts=[Fact("names", top, sorted(after))],
        folder=top,
        year=year,
        target=target,
    )


KINDS = {f.__name__: f for f in (older_than, days_between, weekday, move_year)}
