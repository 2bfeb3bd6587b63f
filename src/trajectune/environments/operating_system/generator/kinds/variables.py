"""Tasks about the environment: variables in settings files and in the shell's own."""

from __future__ import annotations

from trajectune.environments.operating_system.generator.draw import Draw, stage, word
from trajectune.environments.operating_system.tasks.problem import Fact, Problem


def sourced_value(draw: Draw) -> Problem:
    """What a variable holds after a file was sourced that builds it from others."""
    path = f"/etc/{draw.one(draw.pool.folders)}/env.sh"
    one, two, name = draw.some(draw.pool.variables, 3)
    first, second = draw.one(draw.pool.stems), draw.rng.randint(1000, 9999)
    form = draw.one(("${{{a}}}-${{{b}}}", "${{{b}}}.${{{a}}}.local", "/srv/${{{a}}}/${{{b}}}"))
    lines = [
        f"export {one}={first}",
        f"export {two}={second}",
        f'export APP_{name}="{form.format(a=one, b=two)}"',
    ]
    draw.init.write(path, "\n".join(lines) + "\n")
    value = form.format(a=one, b=two).replace(f"${{{one}}}", first).replace(f"${{{two}}}", str(second))
    return draw.problem(
        [
            stage(
                f"cat {word(path)}",
                "I read the file first.",
                f"What does {path} set?",
                look=True,
            ),
            stage(
                f'. {word(path)} && echo "$APP_{name}"',
                "The value is put together from other variables, so I let the shell work it out.",
                f"I source {path} and print APP_{name}.",
            ),
        ],
        answer=value,
        path=path,
        name=f"APP_{name}",
    )


def count_defined(draw: Draw) -> Problem:
    """How many variables a file exports, comments and plain assignments left out."""
    path = f"/etc/{draw.one(draw.pool.folders)}/defaults.sh"
    lines, number = [], 0
    for place in range(draw.rng.randint(15, 30)):
        name = f"{draw.one(draw.pool.variables)}_{place}"
        start = draw.one(("export ", "export ", "", "# export "))
        lines.append(f"{start}{name}={draw.rng.randint(1, 99)}")
        number += start == "export "
    draw.init.write(path, "\n".join(lines) + "\n")
    return draw.problem(
        [
            stage(
                f"head -n 6 {word(path)}",
                "I look at the form of the lines.",
                "How are the variables written in there?",
                look=True,
            ),
            stage(
                f"grep -c '^export ' {word(path)}",
                "Comments begin with #, plain assignments with a name: the anchor leaves both out.",
                "grep -c counts the lines that begin with export.",
            ),
        ],
        answer=number,
        path=path,
    )


def keep_variable(draw: Draw) -> Problem:
    """Set a variable for good, in root's `.bashrc`, which already has a stale value."""
    name = f"{draw.one(draw.pool.variables)}_{draw.one(('NAME', 'PATH', 'ID', 'URL'))}"
    old, new = (f"{draw.one(draw.pool.stems)}-{draw.rng.randint(10, 99)}" for _ in range(2))
    stale = draw.rng.random() < 0.5 and old != new
    if stale:
        draw.init.run(f"echo 'export {name}={old}' >> /root/.bashrc")
    draw.init.run("echo 'alias ll=\"ls -l\"' >> /root/.bashrc")
    command = f"echo 'export {name}={new}' >> ~/.bashrc"
    if stale:
        command = f"sed -i 's/^export {name}=.*/export {name}={new}/' ~/.bashrc"
    return draw.problem(
        [
            stage(
                "cat ~/.bashrc",
                f"I look whether {name} is set there already.",
                "First I read ~/.bashrc.",
            ),
            stage(
                command,
                *(
                    ["There is an old value, so I change that line instead of adding a second."]
                    if stale
                    else [
                        "It is not there yet, so I append an export.",
                        f"I add the export of {name} at the end.",
                    ]
                ),
            ),
            stage(
                f"grep {name} ~/.bashrc",
                "I check the line.",
                "Does the file say it now?",
                look=True,
            ),
        ],
        facts=[Fact("variable", f"/root/.bashrc {name}", new)],
        name=name,
        value=new,
    )


def extend_path(draw: Draw) -> Problem:
    """Make a program that prints a word, where the shell finds it by its name."""
    name = f"{draw.one(draw.pool.programs)}-{draw.one(draw.pool.words)}"
    said = f"{draw.one(draw.pool.words)} {draw.rng.randint(100, 999)}"
    path = f"/usr/local/bin/{name}"
    text = f'#!/bin/bash\necho "{said}"'
    return draw.problem(
        [
            stage(
                "echo $PATH; ls /usr/local/bin",
                "I check that /usr/local/bin is searched for programs.",
                "Where does the shell look for programs?",
                look=True,
            ),
            stage(
                f"printf '%s\\n' '#!/bin/bash' 'echo \"{said}\"' > {path} && chmod 755 {path}",
                "The script needs a first line that names bash, and everybody's permission to run it.",
                f"I write the two lines to {path} and set its mode to 755.",
            ),
            stage(name, "I run it by its name.", "Does it work?", look=True),
        ],
        facts=[Fact("text", path, text), Fact("mode", path, "755")],
        name=name,
        said=said,
        path=path,
    )


KINDS = {f.__name__: f for f in (sourced_value, count_defined, keep_variable, extend_path)}
