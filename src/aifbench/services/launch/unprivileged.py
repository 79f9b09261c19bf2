"""Stops being root, for servers that refuse to run as root.

First choice: a user namespace in which this process is the user `nobody`; files stay the caller's and nothing else
changes. Second choice, where the kernel or its settings forbid that: really become `nobody` (setuid), which needs
every folder on the way to be readable for others.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

NOBODY = 65534
_CLONE_NEWUSER = 0x10000000


def enter_user_namespace() -> str:
    """Become `nobody` inside a namespace of our own; returns the reason when that is not possible, else ''.

    Only a process with one thread may do it.
    """
    user, group = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER) != 0:
        return os.strerror(ctypes.get_errno())
    try:
        Path("/proc/self/setgroups").write_text("deny", encoding="utf-8")
        Path("/proc/self/uid_map").write_text(f"{NOBODY} {user} 1", encoding="utf-8")
        Path("/proc/self/gid_map").write_text(f"{NOBODY} {group} 1", encoding="utf-8")
    except OSError as error:
        return str(error)
    return "" if os.geteuid() == NOBODY else "the mapping of users had no effect"


def become_nobody(owned: list[Path], needed: list[Path]) -> str:
    """Hand `owned` to `nobody`, then become it; returns the reason when a path in `needed` cannot be reached then."""
    try:
        for path in owned:
            os.chown(path, NOBODY, NOBODY)
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    except OSError as error:
        return str(error)
    hidden = [path for path in needed if not os.access(path, os.R_OK | os.X_OK)]
    return f"user nobody cannot read {hidden[0]}" if hidden else ""


def drop_root(owned: list[Path], needed: list[Path]) -> str:
    """Both choices in order; does nothing for other users. Returns why neither worked, or ''."""
    if os.geteuid() != 0:
        return ""
    namespace = enter_user_namespace()
    if not namespace:
        return ""
    plain = become_nobody(owned, needed)
    return f"user namespace: {namespace}; setuid: {plain}" if plain else ""
