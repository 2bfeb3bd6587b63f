"""The root of a box: system folders of the host, read-only, and everything else its own, in memory.

The idea: one file system in memory is filled with a small `/etc` and empty folders; of the host, only the
folders that hold programs and what they need are bound into it. `/usr` itself is the box's own, so nothing
that an administrator put there, and nothing of `/usr/local`, is seen.

Invariant: no file of the host outside `BOUND` can be named in a box. What `/etc` holds is written here; of
the host's, only the names in `/etc/alternatives` are followed, which say which program `awk` is.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

BOUND = (
    "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32", "/usr/libexec",
    "/usr/share", "/usr/include", "/usr/games",
)  # fmt: skip
"""Folders of the host that are bound read-only, where they exist."""
TOP = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
"""On most systems links into `/usr`; bound as they are where they are folders."""

FOLDERS = """
etc/skel etc/default etc/pam.d etc/profile.d etc/cron.d home media mnt opt proc dev sys run srv usr/src
usr/local/bin usr/local/sbin usr/local/lib usr/local/share usr/local/etc var/lib var/log var/cache
var/spool/cron var/mail var/backups tmp var/tmp run/shm run/lock root
"""
MODES = {"tmp": 0o1777, "var/tmp": 0o1777, "run/shm": 0o1777, "run/lock": 0o1777, "root": 0o700}
"""Of folders; the others have 755."""
_SYSTEM = (
    "daemon:1:/usr/sbin bin:2:/bin sys:3:/dev sync:4:/bin games:5:/usr/games man:6:/var/cache/man "
    "lp:7:/var/spool/lpd mail:8:/var/mail news:9:/var/spool/news uucp:10:/var/spool/uucp "
    "proxy:13:/bin www-data:33:/var/www backup:34:/var/backups list:38:/var/list irc:39:/run/ircd"
)
_USERS = [("root", 0, "/root"), *[(n, int(i), h) for n, i, h in (u.split(":") for u in _SYSTEM.split())]]
_USERS += [("nobody", 65534, "/nonexistent")]
_GROUPS = (
    "root:0 daemon:1 bin:2 sys:3 adm:4 tty:5 disk:6 lp:7 mail:8 news:9 uucp:10 man:12 proxy:13 kmem:15 "
    "dialout:20 fax:21 voice:22 cdrom:24 floppy:25 tape:26 sudo:27 audio:29 dip:30 www-data:33 backup:34 "
    "operator:37 list:38 irc:39 src:40 shadow:42 utmp:43 video:44 sasl:45 plugdev:46 staff:50 games:60 "
    "users:100 nogroup:65534"
)


def _shell(name: str) -> str:
    return {"root": "/bin/bash", "sync": "/bin/sync"}.get(name, "/usr/sbin/nologin")


def _group_of(number: int) -> int:
    return {4: 65534, 5: 60, 6: 12}.get(number, number)


FILES: dict[str, str] = {
    "etc/passwd": "".join(f"{n}:x:{i}:{_group_of(i)}:{n}:{h}:{_shell(n)}\n" for n, i, h in _USERS),
    "etc/group": "".join(f"{n}:x:{i}:\n" for n, i in (g.split(":") for g in _GROUPS.split())),
    "etc/shadow": "".join(f"{n}:*:19700:0:99999:7:::\n" for n, _, _ in _USERS),
    "etc/gshadow": "".join(f"{g.split(':')[0]}:*::\n" for g in _GROUPS.split()),
    "etc/shells": "/bin/sh\n/bin/bash\n/usr/bin/bash\n",
    "etc/hostname": "box\n",
    "etc/hosts": "127.0.0.1\tlocalhost box\n::1\tlocalhost\n",
    "etc/host.conf": "multi on\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files\n",
    "etc/resolv.conf": "",
    "etc/fstab": "",
    "etc/timezone": "Etc/UTC\n",
    "etc/login.defs": "MAIL_DIR /var/mail\nUMASK 022\nUID_MIN 1000\nUID_MAX 60000\nGID_MIN 1000\n"
    "GID_MAX 60000\nSYS_UID_MIN 100\nSYS_UID_MAX 999\nSYS_GID_MIN 100\nSYS_GID_MAX 999\n"
    "USERGROUPS_ENAB yes\nENCRYPT_METHOD SHA512\nPASS_MAX_DAYS 99999\nPASS_MIN_DAYS 0\nPASS_WARN_AGE 7\n",
    "etc/default/useradd": "SHELL=/bin/sh\n",
    "etc/profile": 'export PATH="$PATH"\n[ -r ~/.bashrc ] && . ~/.bashrc\n',
    "etc/bash.bashrc": "",
    "etc/skel/.bashrc": "",
    "etc/skel/.profile": '[ -r "$HOME/.bashrc" ] && . "$HOME/.bashrc"\n',
    "root/.bashrc": "",
    "root/.profile": '[ -r "$HOME/.bashrc" ] && . "$HOME/.bashrc"\n',
    "var/log/dpkg.log": "",
}
_PAM = "auth sufficient pam_permit.so\naccount sufficient pam_permit.so\n" + (
    "password sufficient pam_permit.so\nsession sufficient pam_permit.so\n"
)
_PASSWORDS = (
    "auth required pam_unix.so\naccount required pam_unix.so\npassword required pam_unix.so sha512\n"
)
FILES |= {
    "etc/pam.d/su": _PAM,
    "etc/pam.d/su-l": _PAM,
    "etc/pam.d/runuser": _PAM,
    "etc/pam.d/runuser-l": _PAM,
    "etc/pam.d/other": _PAM,
    "etc/pam.d/passwd": _PASSWORDS,
    "etc/pam.d/chpasswd": _PASSWORDS,
    "etc/pam.d/newusers": _PASSWORDS,
}
LINKS = {"etc/mtab": "/proc/mounts", "etc/os-release": "../usr/lib/os-release", "var/run": "/run"}
LINKS |= {"etc/localtime": "/usr/share/zoneinfo/Etc/UTC", "var/lock": "/run/lock"}
SECRET = {"etc/shadow": 0o640, "etc/gshadow": 0o640}


def build(place: str, several_ids: bool) -> None:
    """Fill the file system in memory at `place`; `several_ids` says that its files may have owners."""
    os.umask(0o022)
    for folder in FOLDERS.split():
        os.makedirs(f"{place}/{folder}", exist_ok=True)  # noqa: PTH103  (pathlib takes three times as long)
    for folder, mode in MODES.items():
        os.chmod(f"{place}/{folder}", mode)  # noqa: PTH101
    for name, text in FILES.items():
        with open(f"{place}/{name}", "w") as file:  # noqa: PTH123
            file.write(text)
    for name, target in LINKS.items():
        os.symlink(target, f"{place}/{name}")  # noqa: PTH211
    for name, mode in SECRET.items():
        os.chmod(f"{place}/{name}", mode)  # noqa: PTH101
        if several_ids:
            os.chown(f"{place}/{name}", 0, 42)
    os.mkdir(f"{place}/etc/alternatives")  # noqa: PTH102
    for name, target in alternatives():
        os.symlink(target, f"{place}/etc/alternatives/{name}")  # noqa: PTH211


@cache
def alternatives() -> list[tuple[str, str]]:
    """The host's choices of programs: links from `/etc/alternatives` into folders that are bound."""
    folder = Path("/etc/alternatives")
    found = []
    for name in os.listdir(folder) if folder.is_dir() else ():  # noqa: PTH208
        link = folder / name
        if link.is_symlink():
            target = os.readlink(link)  # noqa: PTH115
            if target.startswith((*BOUND, *TOP)) and not target.endswith(".gz"):  # pages of manuals
                found.append((name, target))
    return found


@cache
def mounts() -> list[str]:
    """What bubblewrap is told to bind and link."""
    found: list[str] = []
    for folder in BOUND:
        if Path(folder).is_dir() and not Path(folder).is_symlink():
            found += ["--ro-bind", folder, folder]
    for folder in TOP:
        if Path(folder).is_symlink():
            found += ["--symlink", os.readlink(folder), folder]  # noqa: PTH115
        elif Path(folder).is_dir():
            found += ["--ro-bind", folder, folder]
    return found
