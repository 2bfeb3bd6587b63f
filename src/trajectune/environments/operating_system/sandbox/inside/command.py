"""What bubblewrap is told, and the supervisor that it starts in a box.

The idea: the first process inside is a small shell loop, the supervisor. It starts the agent's shell, and a
new one whenever that ends, on the same two pipes; after each end it prints a word that only the program
outside and the supervisor know. The supervisor keeps one capability that the agent's shell never has, and
the kernel lets no process look into, or take the pipes of, another that has more than itself.

Invariants: the agent's processes hold the capabilities in `CAPABILITIES` over their own box and no others;
they can kill the supervisor, which ends the box, but neither read what it knows nor write in its place.
"""

from __future__ import annotations

from trajectune.environments.operating_system.sandbox.inside.root import mounts

CAPABILITIES = ("chown", "dac_override", "fowner", "fsetid", "kill", "setgid", "setuid")
"""What root may do inside: with files, users and processes of the box."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
VARIABLES = {
    "PATH": PATH,
    "HOME": "/root",
    "USER": "root",
    "LOGNAME": "root",
    "SHELL": "/bin/bash",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
    "TZ": "UTC",
}
_KEPT = ",".join(f"+{name}" for name in CAPABILITIES)
SUPERVISOR = f"""\
read -r token
while :; do
setsid setpriv --inh-caps=-all,{_KEPT} --ambient-caps=-all --bounding-set=-all,{_KEPT} \
bash --noprofile --norc 7>&1 >/dev/null
printf '\\n%s:%d\\n' "$token" $?
done 2>/dev/null"""
"""Descriptor 7 of the agent's shell is the pipe that the program outside reads."""


COMMAND = ("/bin/bash", "--noprofile", "--norc", "-c", SUPERVISOR)


def options(root: str, filter_descriptor: int) -> list[str]:
    """Bubblewrap's options for a box whose own files are at `root`."""
    given = [*CAPABILITIES, "setpcap"]
    return [
        *("--bind", root, "/"),
        *mounts(),
        *("--proc", "/proc"),
        *("--dev", "/dev", "--bind", f"{root}/run/shm", "/dev/shm", "--remount-ro", "/dev"),
        *("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"),
        *("--hostname", "box", "--die-with-parent", "--new-session", "--chdir", "/root", "--clearenv"),
        *(word for name, value in VARIABLES.items() for word in ("--setenv", name, value)),
        *("--cap-drop", "ALL", *(word for c in given for word in ("--cap-add", f"CAP_{c.upper()}"))),
        *("--seccomp", str(filter_descriptor)),
    ]
