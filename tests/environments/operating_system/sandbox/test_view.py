"""A box's files are read from outside, and no link leads out of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from trajectune.environments.operating_system.sandbox import view as views
from trajectune.environments.operating_system.sandbox.box import Box
from trajectune.environments.operating_system.sandbox.view import Entry, View


def test_files_folders_and_links_are_read(box: Box) -> None:
    box.run("mkdir -p /srv/a/b; echo x > /srv/a/f; ln -s f /srv/a/l; mkfifo /srv/a/p; chmod 640 /srv/a/f")
    with View(box) as view:
        assert view.text("/srv/a/f") == "x\n"
        assert view.text("/srv/a/l") == "x\n"
        assert view.text("srv/a/../a/f") == "x\n"
        assert view.text("/srv/a") is view.text("/srv/a/p") is view.text("/nothing") is None
        assert view.entry("/srv/a/f") == Entry("file", 0o640, 0, 0)
        assert view.entry("/srv/a/l") == Entry("link", 0o777, 0, 0)
        assert view.entry("/srv/a/p") == Entry("other", 0o644, 0, 0)
        assert view.entry("/srv/none") is None
        assert view.target("/srv/a/l") == "f"
        assert view.target("/srv/a/f") is None
        assert view.names("/srv/a") == ["b/", "f", "l", "p"]
        assert view.names("/srv/a/f") is None


@pytest.mark.parametrize(
    "target",
    ["/proc/1/root", "/proc/self/root", "../../../../../..", "/proc/1/cwd", "/usr/bin", "/proc/self/fd/0"],
)
def test_no_link_leads_out_of_a_box(box: Box, target: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    box.run(
        f"ln -s {target} /tmp/out; ln -s {target}{tmp_path}/secret /tmp/file; ln -s {tmp_path}/secret "
        f"/tmp/abs"
    )
    with View(box) as view:
        for path in (
            "/tmp/file",
            "/tmp/abs",
            f"/tmp/out{tmp_path}/secret",
            "/tmp/out/etc/machine-id",
            "/proc/1/environ",
        ):
            assert view.text(path) is None
        assert view.text("/usr/bin/env") is None
        found = view.names("/tmp/out")
        assert found is None or "etc/passwd" in found  # the box's own root, by way of `..`


def test_large_files_and_many_names_are_bounded(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.run(
        "head -c 1048577 /dev/zero > /tmp/large; truncate -s 60M /tmp/sparse; cd /srv; for i in "
        "$(seq 50); do : > $i; done"
    )
    monkeypatch.setattr(views, "MANY", 20)
    with View(box) as view:
        assert view.data("/tmp/large") is view.data("/tmp/sparse") is None
        assert len(view.names("/srv") or ()) <= 50


def test_processes_are_seen_without_the_boxs_own(box: Box) -> None:
    wait = "a=; until [ \"$a\" = sleep ]; do read -rd '' a < /proc/$!/cmdline; done"
    box.run(f"setsid sleep 77 >/dev/null 2>&1 & {wait}")
    with View(box) as view:
        assert ["sleep", "77"] in view.commands()
        assert not any("token" in " ".join(words) for words in view.commands())


def test_a_box_that_is_gone_cannot_be_seen(box: Box) -> None:
    box.close()
    with pytest.raises(OSError, match="it was closed"):
        View(box)
