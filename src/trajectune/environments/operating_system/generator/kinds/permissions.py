"""Tasks about who may do what with files."""

from __future__ import annotations

from trajectune.environments.operating_system.generator.draw import Draw, stage, word
from trajectune.environments.operating_system.tasks.problem import Fact, Problem

MODES = ("600", "640", "644", "660", "664", "700", "750", "755")
OPEN = ("602", "622", "646", "666", "757", "777")


def writable_by_all(draw: Draw) -> Problem:
    """How many files of a tree everybody may write."""
    top = draw.folder()
    folders = draw.tree(top)
    draw.init.folder(*folders)
    paths = draw.names(folders, draw.one(draw.pool.extensions), draw.rng.randint(10, 18))
    number = draw.rng.randint(3, 8)
    for place, path in enumerate(paths):
        draw.init.write(path, "")
        draw.init.run(f"chmod {draw.one(OPEN if place < number else MODES)} {word(path)}")
    return draw.problem(
        [
            stage(
                f"find {word(top)} -type f | head -n 5",
                "I look at some of the files first.",
                f"What is below {top}?",
                look=True,
            ),
            stage(
                f"find {word(top)} -type f -perm -o=w | wc -l",
                "find -perm -o=w keeps the files that others may write, and I count them.",
                "Others are those who are neither owner nor in the group: I test their right to write.",
            ),
        ],
        answer=number,
        folder=top,
    )


def octal_mode(draw: Draw) -> Problem:
    """The permissions of one file, in octal."""
    path = draw.file()
    mode = f"{draw.one('4567')}{draw.one('01234567')}{draw.one('01245')}"
    draw.init.write(path, draw.text(2))
    draw.init.run(f"chmod {mode} {word(path)}")
    return draw.problem(
        [
            stage(
                f"stat -c %A {word(path)}",
                "I look at the permissions as letters first.",
                "First in the usual form.",
                look=True,
            ),
            stage(
                f"stat -c %a {word(path)}",
                "stat -c %a prints the mode in octal.",
                "I ask stat for the octal form.",
            ),
        ],
        answer=mode,
        check="string-match",
        path=path,
    )


def set_modes(draw: Draw) -> Problem:
    """Give the scripts of a folder one mode and leave all else as it was."""
    top, mode, before = (
        draw.folder(),
        draw.one(("700", "750", "755", "711")),
        draw.one(("600", "640", "644")),
    )
    scripts = draw.names([top], "sh", draw.rng.randint(2, 5))
    rest = draw.names([top], draw.one(draw.pool.extensions), draw.rng.randint(1, 3))
    for path in scripts + rest:
        draw.init.write(path, "#!/bin/sh\necho ok\n")
    draw.init.run(f"chmod {before} {' '.join(map(word, scripts + rest))}")
    facts = [Fact("mode", path, mode) for path in scripts] + [Fact("mode", path, before) for path in rest]
    return draw.problem(
        [
            stage(
                f"cd {word(top)} && stat -c '%a %n' *",
                "I look at the modes as they are now.",
                "First the modes before the change.",
                look=True,
            ),
            stage(
                f"chmod {mode} {word(top)}/*.sh",
                f"chmod {mode} on *.sh changes the scripts and nothing else.",
                f"I set {mode} on every .sh file of the folder.",
            ),
            stage(
                f"stat -c '%a %n' {word(top)}/*.sh",
                "I check the result.",
                "Did the modes change?",
                look=True,
            ),
        ],
        facts=facts,
        folder=top,
        mode=mode,
    )


def give_to(draw: Draw) -> Problem:
    """Give a tree to another user and group."""
    top, person, group = draw.folder(), draw.one(draw.pool.people), draw.one(draw.pool.groups)
    folders = draw.tree(top, depth=1)
    draw.init.folder(*folders)
    paths = draw.names(folders, draw.one(draw.pool.extensions), draw.rng.randint(2, 5))
    for path in paths:
        draw.init.write(path, draw.text(1))
    number = draw.rng.randint(1100, 1900)
    draw.init.run(f"echo '{person}:x:{number}:{number}::/home/{person}:/bin/bash' >> /etc/passwd")
    draw.init.run(f"printf '{person}:x:{number}:\\n{group}:x:{number + 1000}:\\n' >> /etc/group")
    return draw.problem(
        [
            stage(
                f"ls -l {word(top)} | awk '{{ print $3, $4, $9 }}'; id {person}",
                "I look who owns the files now, and whether the user exists.",
                "First the owners as they are.",
                look=True,
            ),
            stage(
                f"chown -R {person}:{group} {word(top)}",
                f"chown -R changes user and group of {top} and of all below it.",
                f"Everything goes to {person} and the group {group}, recursively.",
            ),
            stage(
                f"find {word(top)} ! -user {person} -o ! -group {group} | wc -l",
                "I check that nothing belongs to anybody else.",
                "Is there anything left with another owner or group?",
                look=True,
            ),
        ],
        facts=[Fact("owner", path, f"{person}:{group}") for path in [*folders, *paths]],
        several=True,
        folder=top,
        person=person,
        group=group,
    )


KINDS = {f.__name__: f for f in (writable_by_all, octal_mode, set_modes, give_to)}
