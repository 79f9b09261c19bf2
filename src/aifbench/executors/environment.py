"""Which variables of the controller's environment a started process may see.

Everything else is left out: a token in the user's shell must not reach a service's log or a core dump because nobody
thought of it, and a run must not depend on variables that no recipe names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aifbench.errors import ExecutorError

ALLOWED: Mapping[str, str] = {
    "PATH": "programs are found by it",
    "HOME": "programs keep caches and settings there and fail without it",
    "USER": "PostgreSQL and container tools ask for the account's name",
    "LOGNAME": "the same, by POSIX",
    "SHELL": "programs that start a shell use the account's own",
    "LANG": "encoding of texts",
    "LANGUAGE": "language of messages",
    "TZ": "time zone of log lines",
    "TMPDIR": "sites point it at a disk that is large enough",
    "VIRTUAL_ENV": "tools find the active Python environment by it",
    "PYTHONPATH": "workers must import the aifbench that the controller imports",
    "LD_LIBRARY_PATH": "environment modules put their libraries there",
    "SSL_CERT_FILE": "sites with their own certificate authority",
    "SSL_CERT_DIR": "the same, as a directory",
    "CUDA_VISIBLE_DEVICES": "the GPUs that the allocation gave",
    "ROCR_VISIBLE_DEVICES": "the same for AMD",
    "XDG_RUNTIME_DIR": "rootless container tools keep their sockets there",
}
"""Name → why it may pass."""

ALLOWED_PREFIXES: Mapping[str, str] = {"LC_": "encoding, number and date forms"}

MARK = "AIFBENCH_PROCESS"
"""Set in every started process to a word of its own: what is left of a tree can be found by it."""


def allowed(name: str) -> bool:
    return name in ALLOWED or any(name.startswith(prefix) for prefix in ALLOWED_PREFIXES)


def build(
    outside: Mapping[str, str], env: Mapping[str, str], pass_env: Sequence[str], *, process: str
) -> dict[str, str]:
    """The environment of one process: the allow-list, then the named variables, then the spec's own values.

    Raises ExecutorError that names each variable of `pass_env` that is not set.
    """
    absent = [name for name in pass_env if name not in outside and name not in env]
    if absent:
        raise ExecutorError(
            f"needs {', '.join(absent)} from the environment, not set here", where=process, hint=f"export {absent[0]}=…"
        )
    kept = {name: value for name, value in outside.items() if allowed(name)}
    return {**kept, **{name: outside[name] for name in pass_env if name in outside}, **env}
