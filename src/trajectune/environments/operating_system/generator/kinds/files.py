"""Tasks about files: counting, comparing, renaming, gathering, cleaning up, linking."""

from __future__ import annotations

from trajectune.environments.operating_system.generator.draw import Draw, stage, word
from trajectune.environments.operating_system.tasks.problem import Fact, Problem


def count_files(draw: Draw) -> Problem:
    """How many files of an extension are in a tree; a folder with such a name is no file."""
    top, (wanted, other) = draw.folder(), draw.some(draw.pool.extensions, 2)
    folders = draw.tree(top)
    number = draw.rng.randint(5, 24)
    for path in draw.names(folders, wanted, number):
        draw.init.write(path, draw.text(1))
    for path in draw.names(folders, other, draw.rng.randint(3, 8)):
        draw.init.write(path, "")
    draw.init.folder(f"{top}/old.{wanted}", *folders)
    return draw.problem(
        [
            stage(
                f"ls -p {word(top)}",
                f"First I look at what lies in {top}.",
                f"I start with the content of {top} to see how it is laid out.",
                look=True,
            ),
            stage(
                f"find {word(top)} -type f -name '*.{wanted}' | wc -l",
                "find goes through all subfolders, -type f leaves folders out, and wc -l counts.",
                f"I search {top} recursively for regular files named *.{wanted} and count the lines.",
                "Subfolders count too, so I use find, for regular files only, and count what it prints.",
            ),
        ],
        answer=number,
        folder=top,
        ext=wanted,
    )


def largest_file(draw: Draw) -> Problem:
    """Which file of a folder is the largest."""
    top, extension = draw.folder(), draw.one(draw.pool.extensions)
    paths = draw.names([top], extension, draw.rng.randint(5, 9))
    sizes = draw.rng.sample(range(40, 3000), len(paths))
    for path, size in zip(paths, sizes, strict=True):
        draw.init.run(f"printf '%{size}s' '' > {word(path)}")
    draw.init.folder(top)
    largest = paths[sizes.index(max(sizes))].rpartition("/")[2]
    return draw.problem(
        [
            stage(
                f"ls {word(top)} | head",
                f"I look at the names in {top} first.",
                "Let me see which files there are.",
                look=True,
            ),
            stage(
                f"ls -S {word(top)} | head -n 1",
                "ls -S sorts by size, largest first; the first line is the name I need.",
                f"I list {top} sorted by size and take the first name.",
            ),
        ],
        answer=largest,
        folder=top,
    )


def total_size(draw: Draw) -> Problem:
    """How many bytes the files of an extension have together."""
    top, (wanted, other) = draw.folder(), draw.some(draw.pool.extensions, 2)
    total = 0
    for extension in (wanted, other):
        for path in draw.names([top], extension, draw.rng.randint(3, 6)):
            size = draw.rng.randint(100, 5000)
            draw.init.run(f"printf '%{size}s' '' > {word(path)}")
            total += size if extension == wanted else 0
    draw.init.folder(top)
    return draw.problem(
        [
            stage(
                f"ls -p {word(top)} | head -n 20",
                f"I look at what {top} holds before I add anything up.",
                look=True,
            ),
            stage(
                f"cat {word(top)}/*.{wanted} | wc -c",
                f"All .{wanted} files one after the other, counted in bytes, give their size together.",
                f"I join the .{wanted} files and let wc -c count the bytes.",
            ),
        ],
        answer=total,
        folder=top,
        ext=wanted,
    )


def rename_files(draw: Draw) -> Problem:
    """Give all files of one extension another; the rest of the folder stays as it is."""
    top, (old, new, other) = draw.folder(), draw.some(draw.pool.extensions, 3)
    moved = draw.names([top], old, draw.rng.randint(3, 7))
    rest = draw.names([top], other, draw.rng.randint(1, 3))
    texts = {path: draw.text(1) for path in moved + rest}
    for path, text in texts.items():
        draw.init.write(path, text)
    after = {path.removesuffix(old) + new: texts[path] for path in moved} | {p: texts[p] for p in rest}
    facts = [Fact("names", top, sorted(path.rpartition("/")[2] for path in after))]
    facts += [Fact("text", path, text.rstrip()) for path, text in after.items()]
    return draw.problem(
        [
            stage(
                f"ls {word(top)}", f"I look which files {top} holds.", "First, what is there?", look=True
            ),
            stage(
                f'cd {word(top)} && for f in *.{old}; do mv "$f" "${{f%.{old}}}.{new}"; done',
                f"A loop over *.{old} renames each one: I cut the old ending and put .{new} in its place.",
                f"I go into {top} and move every .{old} file to the same name with .{new}.",
            ),
            stage("ls", "I check the names.", "Let me see whether all of them are renamed.", look=True),
        ],
        facts=facts,
        folder=top,
        old=old,
        new=new,
    )


def gather_files(draw: Draw) -> Problem:
    """Move all files of an extension out of a tree into one folder."""
    top, (wanted, other) = draw.folder(), draw.some(draw.pool.extensions, 2)
    target = f"{draw.one(('/srv', '/var', '/root'))}/{draw.one(draw.pool.stems)}-collected"
    folders = draw.tree(top)
    draw.init.folder(*folders)
    moved = draw.names(folders, wanted, draw.rng.randint(4, 9))
    rest = draw.names(folders, other, draw.rng.randint(2, 4))
    texts = {path: draw.text(1) for path in moved + rest}
    for path, text in texts.items():
        draw.init.write(path, text)
    below = [f"{folder.removeprefix(top + '/')}/" for folder in folders[1:]]
    kept = sorted([path.removeprefix(top + "/") for path in rest] + below)
    names = {path.rpartition("/")[2]: texts[path].rstrip() for path in moved}
    return draw.problem(
        [
            stage(
                f"find {word(top)} -type f -name '*.{wanted}'",
                f"I find the .{wanted} files first.",
                "Let me see what there is to move.",
                look=True,
            ),
            stage(
                f"mkdir -p {word(target)} && "
                f"find {word(top)} -type f -name '*.{wanted}' -exec mv -t {word(target)} {{}} +",
                f"The target may not exist, so I make it; then find moves every .{wanted} file into it.",
                f"I create {target} and move what find gives me there.",
            ),
            stage(f"ls {word(target)}", "I check that they arrived.", "Did all of them arrive?", look=True),
        ],
        facts=[
            Fact("names", target, sorted(names)),
            Fact("names", top, kept),
            *(Fact("text", f"{target}/{name}", text) for name, text in names.items()),
        ],
        folder=top,
        ext=wanted,
        target=target,
    )


def delete_empty(draw: Draw) -> Problem:
    """Remove the empty files of a tree, and nothing else."""
    top = draw.folder()
    folders = draw.tree(top)
    draw.init.folder(*folders)
    extension = draw.one(draw.pool.extensions)
    paths = draw.names(folders, extension, draw.rng.randint(6, 12))
    empty = set(draw.some(paths, draw.rng.randint(2, 4)))
    for path in paths:
        draw.init.write(path, "" if path in empty else draw.text(1))
    kept = [path.removeprefix(top + "/") for path in paths if path not in empty]
    kept += [f"{folder.removeprefix(top + '/')}/" for folder in folders[1:]]
    return draw.problem(
        [
            stage(
                f"find {word(top)} -type f -empty",
                "I list the empty files before I remove anything.",
                "First I want to see which files are empty.",
                look=True,
            ),
            stage(
                f"find {word(top)} -type f -empty -delete",
                "find knows empty files and can delete them; -type f spares the folders.",
                f"Now I delete the empty regular files below {top}, and only those.",
            ),
        ],
        facts=[Fact("names", top, sorted(kept))],
        folder=top,
    )


def make_link(draw: Draw) -> Problem:
    """Make a symbolic link to the newest of several versions, which a file names."""
    top, name = draw.folder(), draw.one(draw.pool.stems)
    versions = [f"{name}-{draw.rng.randint(1, 9)}.{minor}" for minor in draw.rng.sample(range(30), 4)]
    chosen = draw.one(versions)
    draw.init.folder(*(f"{top}/{version}" for version in versions))
    draw.init.write(f"{top}/VERSION", f"{chosen}\n")
    return draw.problem(
        [
            stage(
                f"cat {word(top)}/VERSION; ls {word(top)}",
                "I read which version is wanted, and look at the folders.",
                f"{top}/VERSION tells me where the link must point.",
            ),
            stage(
                f"ln -s {word(f'{top}/{chosen}')} {word(f'{top}/current')}",
                f"The file names {chosen}, so I link current to that folder.",
                f"It says {chosen}; a symbolic link called current will point there.",
            ),
        ],
        facts=[Fact("link", f"{top}/current", f"{top}/{chosen}")],
        folder=top,
    )


KINDS = {f.__name__: f for f in (
    count_files, largest_file, total_size, rename_files, gather_files, delete_empty, make_link
)}  # fmt: skip
