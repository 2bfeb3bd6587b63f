"""A box keeps its shell, answers within its limits, and leaves nothing behind."""

from __future__ import annotations

import gc
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from trajectune.environments.operating_system.sandbox import box as boxes
from trajectune.environments.operating_system.sandbox import processes
from trajectune.environments.operating_system.sandbox.box import Box
from trajectune.environments.operating_system.sandbox.identity import Identity
from trajectune.environments.operating_system.sandbox.keeping import KEEPER
from trajectune.environments.operating_system.sandbox.limits import Limits
from trajectune.errors import EpisodeError


def said(box: Box, script: str, seconds: float | None = None) -> str:
    return box.run(script, seconds).data.decode()


def descriptors() -> int:
    """Open files of this process."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_the_shell_is_one_and_the_same(box: Box) -> None:
    said(box, "cd /var/log; x='a  b'; f() { echo \"f: $1\"; }; export Y=7")
    assert said(box, 'pwd; echo "$x"; f 3; bash -c "echo \\$Y"') == "/var/log\na  b\nf: 3\n7\n"


def test_background_jobs_go_on_between_commands(box: Box) -> None:
    assert said(box, "(while :; do echo x >> /tmp/ticks; sleep 0.02; done) & echo started") == "started\n"
    time.sleep(0.3)
    assert int(said(box, "wc -l < /tmp/ticks")) > 3
    assert said(box, "jobs -p | wc -l") == "1\n"


def test_status_and_both_outputs_come_in_their_order(box: Box) -> None:
    output = box.run("echo one; echo two >&2; echo three; exit_status() { return 7; }; exit_status")
    assert (output.data, output.status) == (b"one\ntwo\nthree\n", 7)
    assert box.run("printf 'no line end'").data == b"no line end"
    assert box.run("true").data == b""
    assert box.run("printf '\\n\\n'").data == b"\n\n"


@pytest.mark.parametrize(
    "script",
    [
        "echo 'single' \"double\" $'dollar' \\\\ back",
        "cat <<'END'\n$x `y` \\ ' \" !\nEND",
        "printf '%s' 'tab\there'",
        "echo äöü 日本 🎉",
        "for i in 1 2\ndo\n  echo $i # a comment\ndone",
        "printf '\\001\\177' | od -An -c",
        "x=$'\\x01'; printf %s \"$x\" | od -An -tx1",
    ],
)
def test_any_script_means_the_same_as_in_a_file(box: Box, script: str) -> None:
    said(box, f"cat > /tmp/s <<'THE_END_OF_IT'\n{script}\nTHE_END_OF_IT")
    assert said(box, script) == said(box, "bash /tmp/s") != ""


def test_a_long_script_is_sent_whole(box: Box) -> None:
    text = "é" * 60_000
    assert said(box, f"x={text}; echo ${{#x}}") == "60000\n"


def test_a_syntax_error_is_an_output_and_the_shell_stays(box: Box) -> None:
    said(box, "x=1")
    output = box.run("if then")
    assert b"syntax error" in output.data
    assert not output.new_shell
    assert said(box, "echo $x") == "1\n"


def test_a_shell_that_ends_is_replaced(box: Box) -> None:
    said(box, "x=1; touch /tmp/kept")
    output = box.run("echo bye; exit 5")
    assert (output.data, output.status, output.new_shell) == (b"bye\n", 5, True)
    assert said(box, 'echo "[$x]"; ls /tmp; pwd') == "[]\nkept\n/root\n"
    assert box.run("exec true").new_shell
    assert box.run("set -e; false").new_shell
    assert box.run("kill -9 $$").new_shell
    assert said(box, "echo alive") == "alive\n"


def test_a_command_that_takes_too_long_is_killed_and_the_shell_stays(make_box) -> None:
    box = make_box(seconds=0.4)
    said(box, "cd /tmp; x=1; sleep 300 & echo $! > /tmp/job")
    started = time.monotonic()
    output = box.run("sleep 100")
    assert time.monotonic() - started < 5
    assert (output.stopped, output.new_shell, output.gone) == ("time", False, "")
    assert said(box, "echo $x; pwd; kill -0 $(cat /tmp/job) && echo job") == "1\n/tmp\njob\n"


def test_a_shell_that_is_busy_itself_is_replaced(make_box) -> None:
    box = make_box(seconds=0.3)
    output = box.run("while :; do :; done")
    assert (output.stopped, output.new_shell) == ("time", True)
    assert said(box, "echo on", 10) == "on\n"


def test_waiting_for_an_answer_ends_at_once(box: Box) -> None:
    started = time.monotonic()
    assert said(box, 'read -p "Sure? " answer; echo "[$answer]"') == "[]\n"
    assert said(box, "cat; head -n 1; python3 -c 'print(1)' < /dev/null; echo done") == "1\ndone\n"
    assert time.monotonic() - started < 10


def test_renewing_gives_a_fresh_shell(make_box) -> None:
    box = make_box(seconds=0.5)
    said(box, "ls() { echo fake; }; builtin() { :; }")
    box.renew()
    assert said(box, "cd /; type -t ls", 20) == "file\n"


def test_closing_ends_every_process_and_may_be_done_twice(make_box) -> None:
    box = make_box()
    box.run("for i in 1 2 3; do (setsid sleep 500 &) ; done")
    below = [*processes.descendants(box.process)]
    assert len(below) >= 5
    box.close()
    box.close()
    deadline = time.monotonic() + 5
    while any(processes.command_line(number)[0] for number in below) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(processes.command_line(number)[0] for number in below)
    assert box.run("echo x").gone


def test_a_forgotten_box_ends_and_leaves_no_descriptor(bubblewrap: str) -> None:
    gc.collect()
    before = descriptors()
    made = [Box(bubblewrap, Limits()) for _ in range(3)]
    numbers = [box.process for box in made]
    assert [said(box, "echo x") for box in made] == ["x\n"] * 3
    made.clear()
    deadline = time.monotonic() + 5
    while any(map(processes.children, numbers)) and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.05)
    assert not any(map(processes.children, numbers))
    assert descriptors() <= before


def test_many_boxes_in_threads_do_not_touch_each_other(make_box) -> None:
    def play(number: int) -> str:
        box = make_box()
        said(box, f"echo {number} > /tmp/n; x={number}")
        return said(box, "cat /tmp/n; echo $x; ls /tmp")

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(play, range(8))) == [f"{n}\n{n}\nn\n" for n in range(8)]


def test_a_box_outlives_the_thread_that_started_it(make_box) -> None:
    with ThreadPoolExecutor(1) as threads:
        box = threads.submit(make_box).result()
    time.sleep(0.2)
    assert said(box, "echo still here") == "still here\n"


def test_a_box_that_cannot_start_says_why(tmp_path) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: something is wrong' >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(EpisodeError, match="something is wrong"):
        Box(str(broken), Limits())
    with pytest.raises(EpisodeError, match=r"FileNotFoundError|No such file"):
        Box("/nowhere/bwrap", Limits())


def test_a_keeper_that_was_killed_is_started_again(make_box) -> None:
    first = make_box()
    assert KEEPER._process is not None
    KEEPER._process.kill()
    KEEPER._process.wait()
    assert said(make_box(), "echo new") == "new\n"
    deadline = time.monotonic() + 5
    while not first.run("echo x", 1).gone and time.monotonic() < deadline:
        time.sleep(0.05)
    assert first.gone


def test_with_a_single_id_there_is_root_and_nobody_else(bubblewrap: str, monkeypatch) -> None:
    mine = os.getuid() or 65534
    monkeypatch.setattr(boxes, "draw", lambda: Identity("single", mine, os.getgid() or 65534, 1))
    box = Box(bubblewrap, Limits(seconds=20))
    try:
        assert said(box, "id -u; cat /proc/self/uid_map | tr -s ' '") == "0\n 0 0 1\n"
        assert box.run("touch /tmp/a && chown 5 /tmp/a").status == 1
        assert said(box, "cat /etc/passwd | head -n 1; touch /root/b && ls /root").endswith("\nb\n")
    finally:
        box.close()


def test_there_are_users_where_ids_are_given(box: Box) -> None:
    if not box.identity.several:
        pytest.skip("only one id can be mapped here")
    said(box, "useradd -m -s /bin/bash ana; echo secret > /root/s; chmod 600 /root/s")
    assert said(box, "su - ana -c 'id -un; pwd; cat /root/s 2>&1'").splitlines() == [
        "ana",
        "/home/ana",
        "cat: /root/s: Permission denied",
    ]
    assert said(box, "chown ana /root/s; stat -c %U /root/s") == "ana\n"
    assert box.identity.base > 0
