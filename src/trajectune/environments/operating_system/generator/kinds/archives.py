"""Tasks about archives."""

from __future__ import annotations

from trajectune.environments.operating_system.generator.draw import Draw, stage, word
from trajectune.environments.operating_system.tasks.problem import Fact, Problem


def _packed(draw: Draw, count: int) -> tuple[str, dict[str, str]]:
    """A tar archive that the machine has, and the texts in it by name."""
    stem = draw.one(draw.pool.stems)
    archive = f"{draw.folder()}/{stem}.tar.gz"
    names = draw.names([f"{stem}-files"], draw.one(draw.pool.extensions), count)
    texts = {name: draw.text(draw.rng.randint(1, 9)) for name in names}
    for name, text in texts.items():
        draw.init.write(f"/tmp/make/{name}", text)
    draw.init.folder(archive.rpartition("/")[0])
    draw.init.run(f"tar -C /tmp/make -czf {word(archive)} {word(f'{stem}-files')}")
    draw.init.run("rm -r /tmp/make")
    return archive, texts


def count_members(draw: Draw) -> Problem:
    """How many files are in an archive."""
    archive, texts = _packed(draw, draw.rng.randint(6, 20))
    return draw.problem(
        [
            stage(
                f"tar -tzf {word(archive)} | head -n 3",
                "tar -t lists an archive without unpacking it; I look at a few lines.",
                "I look into the archive without unpacking it.",
                look=True,
            ),
            stage(
                f"tar -tzf {word(archive)} | grep -v '/$' | wc -l",
                "Folders end in a slash in the list, so I leave those lines out and count the rest.",
                "I list the archive, drop the lines of folders, and count.",
            ),
        ],
        answer=len(texts),
        archive=archive,
    )


def lines_inside(draw: Draw) -> Problem:
    """How many lines a file inside an archive has."""
    archive, texts = _packed(draw, draw.rng.randint(3, 6))
    name = draw.one(sorted(texts))
    number = len(texts[name].splitlines())
    return draw.problem(
        [
            stage(
                f"tar -tzf {word(archive)}",
                "I look for the file's path in the archive.",
                "Which path does the file have in there?",
                look=True,
            ),
            stage(
                f"tar -xzOf {word(archive)} {word(name)} | wc -l",
                "tar -O prints the file instead of writing it, and wc counts its lines.",
                "I let tar print that one file and count the lines.",
            ),
        ],
        answer=number,
        archive=archive,
        name=name,
    )


def pack_folder(draw: Draw) -> Problem:
    """Put a folder into a compressed archive."""
    top, stem = draw.folder(), draw.one(draw.pool.stems)
    archive = f"/root/{stem}-{draw.rng.randint(1, 99)}.tar.gz"
    base = top.rpartition("/")[2]
    texts = {
        path: draw.text(2)
        for path in draw.names([top], draw.one(draw.pool.extensions), draw.rng.randint(2, 5))
    }
    for path, text in texts.items():
        draw.init.write(path, text)
    wanted = {f"{base}/{path.rpartition('/')[2]}": text.rstrip() for path, text in texts.items()}
    return draw.problem(
        [
            stage(f"ls {word(top)}", "I look what will go into it.", "What is in the folder?", look=True),
            stage(
                f"tar -C {word(top.rpartition('/')[0])} -czf {word(archive)} {word(base)}",
                f"With -C tar starts above the folder, so that the paths inside begin with {base}.",
                f"I pack {base} from its parent folder, compressed with gzip.",
            ),
            stage(
                f"tar -tzf {word(archive)}",
                "I check what the archive holds.",
                "Let me list the archive.",
                look=True,
            ),
        ],
        facts=[Fact("archive", archive, wanted)],
        folder=top,
        base=base,
        archive=archive,
    )


def unpack(draw: Draw) -> Problem:
    """Unpack an archive into a folder that does not exist yet."""
    archive, texts = _packed(draw, draw.rng.randint(3, 7))
    target = f"/srv/{draw.one(draw.pool.folders)}-{draw.rng.randint(100, 999)}"
    return draw.problem(
        [
            stage(
                f"tar -tzf {word(archive)} | head -n 4",
                "I look at the paths in the archive.",
                "What is in it?",
                look=True,
            ),
            stage(
                f"mkdir -p {word(target)} && tar -xzf {word(archive)} -C {word(target)}",
                f"tar does not make the folder it unpacks into, so I make {target} first.",
                f"I create {target} and unpack there with -C.",
            ),
        ],
        facts=[Fact("text", f"{target}/{name}", text.rstrip()) for name, text in texts.items()],
        archive=archive,
        target=target,
    )


KINDS = {f.__name__: f for f in (count_members, lines_inside, pack_folder, unpack)}
