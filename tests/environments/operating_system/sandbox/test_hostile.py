"""What hostile scripts can do: nothing to the host, nothing to the next box, and they are answered in time.

Each runs in a box with small limits. Whatever it is, an answer comes within the time limit and the few
seconds that killing may take; then the same box answers again or says that it is gone, and a new box works
as ever.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from trajectune.environments.operating_system.observation import observe
from trajectune.environments.operating_system.sandbox.box import GRACE, Box
from trajectune.environments.operating_system.sandbox.limits import Limits

SECONDS = 0.5
SLACK = 8.0
"""For a loaded machine; a box that hung would take for ever."""
SMALL = Limits(seconds=SECONDS, memory=96, processes=24, disk=8, files=400, output=1, processor=2)

PYTHON = "python3 - <<'END'\n{}\nEND"
CALL = PYTHON.format("import ctypes\nc = ctypes.CDLL(None, use_errno=True)\nprint({})")

HOSTILE = {
    # processes
    "fork bomb": ":(){ :|:& };:",
    "fork bomb in a file": "printf '#!/bin/bash\\n$0 & $0 &\\n' > /tmp/b; chmod 755 /tmp/b; /tmp/b",
    "many sleepers": "for i in $(seq 500); do sleep 100 & done",
    "daemons": "for i in 1 2 3; do setsid nohup sleep 1000 >/dev/null 2>&1 & done",
    "a daemon that prints": "setsid bash -c 'while :; do echo tick; done' &",
    "a daemon that forks and hides": "(setsid bash -c 'while :; do sleep 0.01 & done' &)",
    "ignores signals": "trap '' INT TERM HUP; while :; do sleep 1; done",
    "busy loop": "while :; do :; done",
    "busy loop in the background": "while :; do :; done & while :; do :; done &",
    "stops its shell": "kill -STOP $$",
    "kills its shell": "kill -KILL $$",
    "kills all it can": "kill -KILL -1",
    "kills the supervisor": "kill -KILL $PPID",
    "stops the supervisor": "kill -STOP $PPID",
    "signals the first process": "kill -KILL 1; kill -TERM 1; kill -STOP 1",
    "signals numbers": "for i in $(seq 2 400); do kill -9 $i; done 2>/dev/null",
    "endless recursion": "f() { f; }; f",
    "exec away": "exec sleep 100",
    "waits for input": "cat; read x; read -t 100 x < /dev/tty; select y in a b; do :; done",
    "an editor": "vi /etc/passwd; ed; less /etc/passwd; top",
    "zombies": PYTHON.format("import os\nfor _ in range(100):\n  os.fork() or os._exit(0)"),
    # memory
    "memory in a program": PYTHON.format("x = []\nwhile True: x.append(bytearray(1 << 20))"),
    "memory in the shell": "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done",
    "memory in many": "for i in $(seq 12); do head -c 60m /dev/zero | tail & done; wait",
    "memory in the background": "for i in 1 2 3 4; do (head -c 60m /dev/zero | tail | sleep 100) & done",
    "a file in no memory": CALL.format("c.memfd_create(b'x', 0)"),
    "shared memory": CALL.format("c.shmget(1, 1 << 30, 0o1666)"),
    "locked memory": CALL.format("c.mlockall(3)"),
    "a huge argument": "/bin/echo $(seq 200000) | wc -c",
    # disk
    "fills the disk": "cat /dev/zero > /tmp/full",
    "fills many files": "for i in $(seq 100000); do : > /tmp/f$i; done",
    "fills /dev/shm": "head -c 1g /dev/zero > /dev/shm/x",
    "fills the root": (
        "head -c 1g /dev/zero > /x; head -c 1g /dev/zero > /dev/x; head -c 1g /dev/zero > "
        "/run/x"
    ),
    "a sparse giant": "truncate -s 100G /tmp/big; fallocate -l 100G /tmp/big2",
    "deep folders": "while mkdir d && cd d; do :; done",
    "links to itself": "ln -s /tmp/a /tmp/b; ln -s /tmp/b /tmp/a; cat /tmp/a; ls -R /tmp",
    # output
    "endless output": "yes",
    "endless output without line ends": "cat /dev/zero",
    "random output": "head -c 500000 /dev/urandom",
    "one long line": "head -c 900000 /dev/zero | tr '\\0' x",
    "control codes": "printf '\\033[2J\\033]0;title\\007\\033[?1049h\\033P+q\\033\\\\\\b\\b\\r\\x9b31m'",
    "not text": "printf '\\xff\\xfe\\xc3\\x28\\x00\\x00'",
    "looks like our marks": (
        "printf '\\n%s:0\\n' 0123456789abcdef0123456789abcdef; echo ':0'; set -v; set "
        "-x"
    ),
    "closes everything": "for i in $(seq 0 255); do eval \"exec $i>&-\"; done; echo x",
    "writes to the shell's pipe": "for i in 0 1 2 7 10 11; do echo 'echo stolen' > /proc/$$/fd/$i; done",
    "writes to the supervisor's pipes": "for i in 0 1 2 7 10; do echo x > /proc/$PPID/fd/$i; done",
    # network
    "the network": "exec 3<>/dev/tcp/127.0.0.1/22; exec 3<>/dev/tcp/1.1.1.1/53; ping -c1 1.1.1.1; ip link",
    "a raw socket": PYTHON.format("import socket\nsocket.socket(socket.AF_INET, socket.SOCK_RAW, 1)"),
    "an abstract socket of the host": PYTHON.format(
        "import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect('\\0/tmp/.X11-unix/X0')"
    ),
    # the host's files
    "host files": "cat /etc/machine-id /etc/ssh/* /var/lib/dpkg/status /home/*/.ssh/* /root/.bash_history",
    "through /proc": (
        "cat /proc/1/environ; ls -l /proc/*/root /proc/*/cwd /proc/*/fd; cat "
        "/proc/1/root/etc/shadow"
    ),
    "up and out": "cd /; for i in $(seq 50); do cd ..; done; ls; cat ../../../../etc/machine-id",
    "a link out": "ln -s /proc/1/root/../../../ /tmp/out; ls /tmp/out/; readlink -f /proc/self/exe",
    "opens by handle": CALL.format(
        "c.open_by_handle_at(-100, 0, 0), c.name_to_handle_at(-100, b'/', 0, 0, "
        "0)"
    ),
    "traces others": CALL.format(
        "c.ptrace(16, 1, 0, 0), c.ptrace(16, 2, 0, 0), c.process_vm_readv(2, 0, 0, 0, 0, "
        "0)"
    ),
    # the kernel
    "mounts": (
        "mount -t tmpfs x /mnt; mount --bind / /mnt; umount -l /usr/bin; mount -o remount,rw "
        "/usr/bin"
    ),
    "writes to system folders": (
        "echo x > /usr/bin/ls; rm -rf /usr/lib; touch /bin/x /sbin/x; chmod 777 "
        "/usr/bin"
    ),
    "device nodes": "mknod /tmp/sda b 8 0; mknod /tmp/mem c 1 1; cat /tmp/sda /tmp/mem | head -c 10",
    "setuid": (
        "cp /bin/bash /tmp/sh; chmod 4755 /tmp/sh; su nobody -s /tmp/sh -c id; setcap "
        "cap_sys_admin+ep /tmp/sh"
    ),
    "new namespaces": (
        "unshare -U true; unshare -m true; unshare -n true; unshare -p -f true; nsenter -t 1 -m "
        "true"
    ),
    "the calls of namespaces": CALL.format("c.unshare(0x10000000), c.setns(0, 0), c.syscall(435, 0, 0)"),
    "/proc/sys": (
        "echo 1 > /proc/sys/kernel/panic; echo c > /proc/sysrq-trigger; sysctl -w "
        "kernel.hostname=x"
    ),
    "limits raised": (
        "ulimit -u 100000; ulimit -v unlimited; ulimit -f unlimited; prlimit --pid $$ "
        "--nproc=99999"
    ),
    "out-of-memory score": "echo -1000 > /proc/self/oom_score_adj; cat /proc/self/oom_score_adj",
    "priority": "nice -n -20 true; renice -n -20 $$; chrt -f 99 true; ionice -c1 true",
    "the clock": "date -s '2001-01-01'; hwclock --set --date 2001-01-01; touch -d '1970-01-01' /usr/bin/ls",
    "the host's name": "hostname evil; echo evil > /proc/sys/kernel/hostname; domainname evil",
    "control groups": "mkdir /sys/fs/cgroup/x; ls /sys; mount -t cgroup2 x /mnt",
    "modules and reboots": "modprobe loop; insmod /tmp/x.ko; reboot -f; poweroff -f; halt -f; swapoff -a",
    "keys and rings": CALL.format(
        "c.syscall(250, 0, -3, 1), c.syscall(425, 8, 0), c.syscall(321, 0, 0, "
        "0)"
    ),
    "other tables of calls": CALL.format(
        "c.syscall(0x40000000 + 39), c.syscall(0x40000000 + 101, 16, 1, 0, "
        "0)"
    ),
    "the terminal": (
        "echo x > /dev/tty; stty -a; script -c id /tmp/t; tty; echo x > /dev/pts/0; cat "
        "/dev/console"
    ),
    "terminals by the hundred": PYTHON.format("import os\nx = []\nwhile True: x.append(os.openpty())"),
    "files by the thousand": PYTHON.format("x = []\nwhile True: x.append(open('/etc/passwd'))"),
    "a library for everybody": "echo /tmp/evil.so > /etc/ld.so.preload; echo 'x' > /tmp/evil.so; ls",
    "no shell any more": "rm -rf /etc /root /home /tmp /var; ls /",
    "no passwd": "echo > /etc/passwd; echo > /etc/group; id; whoami",
    "variables of the shell": (
        "PATH=; IFS=x; BASH_ENV=/tmp/x; PROMPT_COMMAND='exit'; set -u; set -o noexec; echo "
        "x"
    ),
    "traps": "trap 'echo again; kill -9 $PPID' EXIT DEBUG ERR RETURN; false; exit",
    "shadowed builtins": "builtin() { :; }; eval() { :; }; printf() { :; }; echo x",
    "readonly": "readonly PATH HOME IFS _; declare -r x=1; set -r; cd /; echo $x",
}  # fmt: skip


class Neighbours:
    """The host's own processes and files, which must be the same afterwards."""

    def __init__(self, folder: Path) -> None:
        self.signals: list[int] = []
        self.file = folder / "file"
        self.file.write_text("untouched")
        self.hostname = os.uname().nodename
        self.clock = time.time() - time.monotonic()

    def check(self) -> None:
        assert self.signals == []
        assert self.file.read_text() == "untouched"
        assert os.uname().nodename == self.hostname
        assert abs(time.time() - time.monotonic() - self.clock) < 60


@pytest.fixture
def host(tmp_path: Path):
    neighbours = Neighbours(tmp_path)
    caught = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
    before = {number: signal.signal(number, lambda n, _: neighbours.signals.append(n)) for number in caught}
    yield neighbours
    for number, handler in before.items():
        signal.signal(number, handler)


def test_there_are_enough_of_them() -> None:
    assert len(HOSTILE) >= 60


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_script_is_answered_and_hurts_nobody(
    name: str, bubblewrap: str, host: Neighbours
) -> None:
    box = Box(bubblewrap, SMALL)
    try:
        started = time.monotonic()
        output = box.run(HOSTILE[name])
        assert time.monotonic() - started < SECONDS + 3 * GRACE + SLACK
        text = observe(output, SMALL)
        assert len(text) < 1_100
        assert "\x1b" not in text
        assert len(output.data) <= 65_536
        started = time.monotonic()
        again = box.run("echo $((6 * 7))")
        assert time.monotonic() - started < SECONDS + 3 * GRACE + SLACK
        assert again.gone or again.stopped or again.new_shell or again.status is not None
    finally:
        box.close()
    host.check()


def test_the_next_box_is_clean(bubblewrap: str) -> None:
    for script in ("rm -rf /etc /root", "echo x > /etc/ld.so.preload", "useradd eve; echo x > /tmp/x"):
        box = Box(bubblewrap, SMALL)
        box.run(script)
        box.close()
    box = Box(bubblewrap, Limits(seconds=20))
    try:
        assert box.run("ls /tmp; grep -c eve /etc/passwd; ls /etc/ld.so.preload 2>&1; whoami").data == (
            b"0\nls: cannot access '/etc/ld.so.preload': No such file or directory\nroot\n"
        )
    finally:
        box.close()


def value(box: Box, script: str) -> str:
    return box.run(script, 20).data.decode("utf-8", "replace").strip()


def test_what_is_refused_is_refused(make_box) -> None:
    box = make_box(seconds=20)
    calls = {
        "memfd_create(b'x', 0)": -1,
        "shmget(1, 4096, 0o1666)": -1,
        "unshare(0x10000000)": -1,
        "unshare(0x20000)": -1,
        "ptrace(16, 2, 0, 0)": -1,
        "mount(b'x', b'/mnt', b'tmpfs', 0, 0)": -1,
        "syscall(425, 8, 0)": -1,
        "syscall(0x40000000 + 39)": -1,
        "getpid() > 0": True,
    }
    program = "\n".join(["import ctypes", "c = ctypes.CDLL(None)", *(f"print(c.{call})" for call in calls)])
    if value(box, "command -v python3"):
        assert value(box, PYTHON.format(program)).split() == [str(wanted) for wanted in calls.values()]
    assert value(box, "touch /usr/bin/x 2>&1").endswith("Read-only file system")
    assert value(box, "mknod /tmp/x c 1 3 2>&1").endswith("Operation not permitted")
    assert value(box, "ulimit -u 100000 2>&1; ulimit -v unlimited 2>&1").count("not permitted") == 2
    assert value(box, "cat /proc/1/environ /proc/2/environ 2>&1").startswith("cat: /proc/2/environ: Perm")
    assert value(box, "grep NoNewPrivs /proc/self/status").endswith("1")
    assert value(box, "ls /sys | wc -l; ls -A /sys") == "0"
    assert value(box, "cat /proc/net/dev | grep -vc -e lo: -e Inter -e face") == "0"


def test_processes_are_limited_for_all_users_together(make_box) -> None:
    box = make_box(seconds=20, processes=30)
    if not value(box, "command -v python3"):
        pytest.skip("no python3 in /usr/bin")
    program = (
        "import os, time\nn = 0\ntry:\n  while n < 100:\n    if os.fork() == 0:\n{}\n      time.sleep(60)"
    )
    program += "\n    n += 1\nexcept OSError:\n  pass\nprint(n)"
    own = "      os.setuid(1000 + n)" if box.identity.several else ""
    assert 5 < int(value(box, PYTHON.format(program.format(own)))) < 30


def test_memory_is_limited_for_all_processes_together_also_in_the_background(make_box) -> None:
    box = make_box(seconds=20, memory=150)
    if not value(box, "command -v python3"):
        pytest.skip("no python3 in /usr/bin")
    hog = "python3 -c 'import time; x = bytearray(60 << 20); time.sleep(60)' &"
    assert not box.run(hog).gone
    time.sleep(0.5)
    assert not box.gone
    box.run(f"{hog}\n{hog}")
    deadline = time.monotonic() + 10
    while not box.gone and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "more than 150 MB" in box.gone
    assert box.run("echo x").gone == box.gone


def test_disk_and_files_are_limited_everywhere_together(make_box) -> None:
    box = make_box(seconds=20, disk=8, files=600)
    box.run("for d in /tmp /root /dev/shm /var/log; do head -c 6m /dev/zero > $d/x; done 2>/dev/null")
    assert int(value(box, "cat /tmp/x /root/x /dev/shm/x /var/log/x | wc -c")) <= 8 << 20
    box.run(
        "rm /tmp/x /root/x /dev/shm/x /var/log/x; mkdir /tmp/m; cd /tmp/m; for i in $(seq 900); do : "
        "> $i; done"
    )
    assert int(value(box, "cd /; find /tmp/m -type f | wc -l")) < 600


def test_output_is_limited_and_its_beginning_kept(make_box) -> None:
    box = make_box(seconds=20, output=1)
    output = box.run("echo begin; yes; echo end")
    assert output.stopped == "output"
    assert output.data.startswith(b"begin\ny\n")
    assert value(box, "echo next") == "next"


def test_nothing_outlives_this_program(bubblewrap: str) -> None:
    """Closing is not needed: the keeper ends with its socket, and boxes with the keeper."""
    before = threading.active_count()
    box = Box(bubblewrap, SMALL)
    box.close()
    assert threading.active_count() <= before + 1
