"""Who root in a box is outside: somebody without rights, whatever this program may."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from trajectune.environments.operating_system.sandbox import identity
from trajectune.environments.operating_system.sandbox.identity import NOBODY, WHOLE, Identity, draw

ALL = "         0          0 4294967295\n"
CONTAINER = "         0     100000      65536\n"
TINY = "         0       1000          1\n"


def test_real_root_maps_ids_that_nobody_has() -> None:
    drawn = [identity._of_root(ALL, ALL) for _ in range(20)]
    assert all(one.way == "range" and one.count == WHOLE and one.base >= 524_288 for one in drawn)
    assert len({one.base for one in drawn}) > 10
    assert all((one.base - 524_288) % WHOLE == 0 for one in drawn)


def test_a_containers_root_maps_the_upper_half_of_its_ids() -> None:
    one = identity._of_root(CONTAINER, CONTAINER)
    assert (one.way, one.base) == ("range", 32_768)
    assert one.base + one.count <= NOBODY
    assert one.several


def test_root_without_ids_drops_to_nobody() -> None:
    assert identity._of_root(TINY, TINY) == Identity("single", NOBODY, NOBODY, 1)
    assert identity._of_root(ALL, TINY).way == "single"


@pytest.fixture
def helpers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity.shutil, "which", lambda name: f"/usr/bin/{name}")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{name}:200000:65536\n", (200_000, 65_536)),
        ("{id}:300000:70000\n", (300_000, 65_536)),
        ("other:1:65536\n{name}:400000:5000\n", (400_000, 5_000)),
        ("{name}:200000:100\n{name}:500000:65536\n", (500_000, 65_536)),
        ("{name}:x:y\nbroken\n:::\n", None),
        ("other:200000:65536\n", None),
    ],
)
@pytest.mark.usefixtures("helpers")
def test_an_ordinary_user_maps_what_the_administrator_gave(
    text: str, wanted: tuple[int, int] | None, tmp_path: Path
) -> None:
    me = os.getuid()
    file = tmp_path / "subuid"
    file.write_text(text.format(name=pwd.getpwuid(me).pw_name, id=me))
    one = identity._of_user(me, 7, file, file)
    if wanted is None:
        assert one == Identity("single", me, 7, 1)
    else:
        assert one == Identity("helper", wanted[0], wanted[0], wanted[1])


def test_without_helpers_or_files_one_id_is_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "subuid"
    file.write_text("root:200000:65536\n")
    monkeypatch.setattr(identity.shutil, "which", lambda _: None)
    assert identity._of_user(5, 6, file, file).way == "single"
    monkeypatch.setattr(identity.shutil, "which", lambda name: name)
    assert identity._of_user(0, 0, file, tmp_path / "missing").way == "single"


def test_no_id_in_a_box_is_root_outside() -> None:
    one = draw()
    assert one.base > 0
    assert one.group_base > 0


def test_ids_are_read_back() -> None:
    one = Identity("range", 1000, 2000, 100)
    assert [one.inside(n) for n in (999, 1000, 1099, 1100)] == [NOBODY, 0, 99, NOBODY]
    assert one.inside(2005, group=True) == 5
