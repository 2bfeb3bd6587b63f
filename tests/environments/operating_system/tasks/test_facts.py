"""Facts, read from machines that were really changed."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.operating_system.sandbox.box import Box
from trajectune.environments.operating_system.tasks import archives
from trajectune.environments.operating_system.tasks.facts import KINDS, hold
from trajectune.environments.operating_system.tasks.problem import Fact

HOLD = [
    ("printf 'a  \\nb\\n\\n' > /tmp/f", Fact("text", "/tmp/f", "a\nb")),
    ("ln -s /tmp/g /tmp/f; echo x > /tmp/g", Fact("text", "/tmp/f", "x")),
    ("", Fact("text", "/tmp/f", None)),
    ("mkdir -p /srv/d/e; : > /srv/d/e/f", Fact("names", "/srv/d", ["e/", "e/f"])),
    ("mkdir /srv/d", Fact("names", "/srv/d", [])),
    ("", Fact("names", "/srv/d", None)),
    (": > /tmp/f; chmod 640 /tmp/f", Fact("mode", "/tmp/f", "640")),
    (": > /tmp/f; chmod 4711 /tmp/f", Fact("mode", "/tmp/f", "4711")),
    (": > /tmp/f", Fact("owner", "/tmp/f", "root:root")),
    ("ln -s a/b /tmp/l", Fact("link", "/tmp/l", "a/b")),
    (": > /tmp/l", Fact("link", "/tmp/l", None)),
    ("", Fact("user", "ana", None)),
    (
        "echo 'ana:x:1500:100::/h:/bin/sh' >> /etc/passwd; echo 'x:x:9:bo,ana' >> /etc/group",
        Fact("user", "ana", {"home": "/h", "shell": "/bin/sh", "groups": ["users", "x"]}),
    ),
    ("echo broken >> /etc/passwd; echo :: >> /etc/group", Fact("user", "broken", None)),
    ("setsid sleep 99 >/dev/null 2>&1 & :", Fact("running", "99", 1)),
    ("", Fact("running", "99", 0)),
    (
        "echo 'export A=1' >> ~/.bashrc; echo ' export A=\"b c\" # no' >> ~/.bashrc",
        Fact("variable", "/root/.bashrc A", "b c"),
    ),
    ("echo '#export A=1' >> ~/.bashrc", Fact("variable", "/root/.bashrc A", None)),
    ('echo "export A=\'" >> ~/.bashrc', Fact("variable", "/root/.bashrc A", None)),
    (
        "cd /tmp; mkdir d; echo x > d/f; tar czf /tmp/a.tar.gz d",
        Fact("archive", "/tmp/a.tar.gz", {"d/f": "x"}),
    ),
    ("cd /tmp; echo x > f; tar cf a ./f", Fact("archive", "/tmp/a", {"f": "x"})),
    ("echo x > /tmp/a", Fact("archive", "/tmp/a", None)),
    ("", Fact("archive", "/tmp/a", None)),
]


@pytest.mark.parametrize(("script", "fact"), HOLD)
def test_a_fact_holds_after_its_script_and_another_does_not(box: Box, script: str, fact: Fact) -> None:
    box.run(script or ":")
    assert hold(box, [fact])
    assert not hold(box, [fact, Fact(fact.kind, fact.about, "something else")])


def test_every_kind_of_fact_is_tried() -> None:
    assert {fact.kind for _, fact in HOLD} == set(KINDS)


def test_owners_are_read_by_name(box: Box) -> None:
    if not box.identity.several:
        pytest.skip("only one id can be mapped here")
    box.run("useradd ana; : > /tmp/f; chown ana:adm /tmp/f; : > /tmp/g; chown 4321:4322 /tmp/g")
    assert hold(box, [Fact("owner", "/tmp/f", "ana:adm"), Fact("owner", "/tmp/g", "4321:4322")])


def test_processes_may_take_a_moment_to_end(box: Box) -> None:
    box.run("sleep 98 & sleep 0.1")
    assert hold(box, [Fact("running", "98", 1)])
    box.run("(sleep 0.2; pkill -f '^sleep 98') >/dev/null 2>&1 &")
    assert hold(box, [Fact("running", "98", 0)])


def test_nothing_holds_in_a_box_that_is_gone(box: Box) -> None:
    box.close()
    assert not hold(box, [Fact("text", "/tmp/f", None)])


def packed(mode: str, files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_archives_of_every_form_are_read(mode: str) -> None:
    assert archives.texts(packed(mode, {"./a": b"x\n", "b/c": b"\xff"})) == {"a": "x", "b/c": "\ufffd"}


def test_zip_archives_are_read() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", "x")
        archive.writestr("d/", "")
    assert archives.texts(stream.getvalue()) == {"a": "x"}


def test_an_archive_that_unpacks_to_too_much_is_none() -> None:
    bomb = b"\0" * (archives.MOST + 1)
    assert archives.texts(gzip.compress(bomb)) is None
    assert archives.texts(packed("w:xz", {"a": bomb})) is None
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bomb)
    assert archives.texts(stream.getvalue()) is None


@given(st.binary(max_size=300))
def test_any_bytes_are_an_archive_or_none(data: bytes) -> None:
    for head in (b"", b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\0", b"PK\x03\x04"):
        assert archives.texts(head + data) is None or head == b""
