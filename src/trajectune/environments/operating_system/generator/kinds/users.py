"""Tasks about users and groups."""

from __future__ import annotations

from trajectune.environments.operating_system.generator.draw import Draw, stage
from trajectune.environments.operating_system.tasks.problem import Fact, Problem

SHELLS = ("/bin/bash", "/bin/sh", "/usr/sbin/nologin")


def _people(draw: Draw, names: list[str], shells: list[str]) -> None:
    lines = [
        f"{name}:x:{1001 + place}:{1001 + place}::/home/{name}:{shell}"
        for place, (name, shell) in enumerate(zip(names, shells, strict=True))
    ]
    groups = [f"{name}:x:{1001 + place}:" for place, name in enumerate(names)]
    draw.init.run("printf '%s\\n' " + " ".join(f"'{line}'" for line in lines) + " >> /etc/passwd")
    draw.init.run("printf '%s\\n' " + " ".join(f"'{line}'" for line in groups) + " >> /etc/group")


def count_shell(draw: Draw) -> Problem:
    """How many users have a login shell."""
    names = draw.some(draw.pool.people, draw.rng.randint(8, 15))
    shells = [draw.one(SHELLS) for _ in names]
    _people(draw, names, shells)
    wanted = draw.one(("/bin/bash", "/bin/sh"))
    number = shells.count(wanted) + (wanted == "/bin/bash")  # root has it too
    return draw.problem(
        [
            stage(
                "tail -n 5 /etc/passwd",
                "The shell is the last field of a line in /etc/passwd; I look at some lines.",
                "I look at the user table first.",
                look=True,
            ),
            stage(
                f"getent passwd | awk -F: '$7 == \"{wanted}\"' | wc -l",
                f"The seventh field is the shell: I keep the users with {wanted} and count them.",
                f"awk compares the last field with {wanted}; wc -l counts.",
            ),
        ],
        answer=number,
        shell=wanted,
    )


def group_members(draw: Draw) -> Problem:
    """Who is in a group, in alphabetical order."""
    names = draw.some(draw.pool.people, 8)
    _people(draw, names, ["/bin/bash"] * len(names))
    groups = draw.some(draw.pool.groups, 3)
    members = {group: draw.some(names, draw.rng.randint(2, 5)) for group in groups}
    for number, (group, people) in enumerate(members.items()):
        draw.init.run(f"echo '{group}:x:{3001 + number}:{','.join(people)}' >> /etc/group")
    wanted = groups[0]
    return draw.problem(
        [
            stage(
                f"getent group {wanted}",
                "The members are the last field of the group's entry.",
                f"I ask for the entry of the group {wanted}.",
            ),
            stage(
                f"getent group {wanted} | cut -d: -f4 | tr ',' '\\n' | sort | paste -sd,",
                "They must be in alphabetical order: I split at the commas, sort, and join them again.",
                "I sort the names and join them with commas.",
            ),
        ],
        answer=",".join(sorted(members[wanted])),
        group=wanted,
    )


def add_user(draw: Draw) -> Problem:
    """Make a user with a home, a shell and a further group."""
    person, group, shell = (
        draw.one(draw.pool.people),
        draw.one(draw.pool.groups),
        draw.one(("/bin/bash", "/bin/sh")),
    )
    home = f"/home/{draw.one(draw.pool.folders)}"
    draw.init.run(f"echo '{group}:x:{draw.rng.randint(3000, 3999)}:' >> /etc/group")
    return draw.problem(
        [
            stage(
                f"getent group {group}; id {person}",
                "I check that the group exists and the user does not.",
                "Is the group there already, and the name still free?",
                look=True,
            ),
            stage(
                f"useradd -m -d {home} -s {shell} -G {group} {person}",
                f"useradd with -m and -d makes the home {home}, -s sets the shell, -G adds the group.",
                f"I create {person} with the home, the shell and the further group in one command.",
            ),
            stage(
                f"getent passwd {person}; id -nG {person}",
                "I check the entry and the groups.",
                "Let me verify the new user.",
                look=True,
            ),
        ],
        facts=[
            Fact("user", person, {"home": home, "shell": shell, "groups": sorted([person, group])}),
            Fact("owner", home, f"{person}:{person}"),
        ],
        several=True,
        person=person,
        group=group,
        shell=shell,
        home=home,
    )


def join_group(draw: Draw) -> Problem:
    """Add a user to a group without taking the others away."""
    person, *others = draw.some(draw.pool.people, 4)
    _people(draw, [person, *others], ["/bin/bash"] * 4)
    wanted, kept = draw.some(draw.pool.groups, 2)
    draw.init.run(f"printf '{kept}:x:3101:{person}\\n{wanted}:x:3102:{others[0]}\\n' >> /etc/group")
    return draw.problem(
        [
            stage(
                f"id -nG {person}",
                f"I look which groups {person} has now.",
                "First the groups before the change.",
                look=True,
            ),
            stage(
                f"usermod -aG {wanted} {person}",
                "usermod -aG appends the group; without -a the other groups would be lost.",
                f"I append {wanted} to the groups of {person}.",
            ),
            stage(f"id -nG {person}", "I check the groups.", "Is the new group in the list?", look=True),
        ],
        facts=[
            Fact(
                "user",
                person,
                {"home": f"/home/{person}", "shell": "/bin/bash", "groups": sorted([person, kept, wanted])},
            ),
            Fact(
                "user",
                others[0],
                {"home": f"/home/{others[0]}", "shell": "/bin/bash", "groups": sorted([others[0], wanted])},
            ),
        ],
        person=person,
        group=wanted,
    )


KINDS = {f.__name__: f for f in (count_shell, group_members, add_user, join_group)}
