"""Makes the access keys of a SeaweedFS server and its S3 configuration, then runs the server until SIGTERM.

Its filer always takes 15 s for an orderly end (it waits for streams that its own parts hold open), so data that ends
with the run is not worth that wait: the server is then killed after `--patience`.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from pathlib import Path

from aifbench.services.launch.child import serve
from aifbench.services.launch.secret_file import ensure_secret, write_private


def s3_configuration(access_key: str, secret_key: str) -> str:
    """One identity that may do everything. Signatures are checked as soon as any identity exists."""
    identity = {
        "name": "aifbench",
        "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    return json.dumps({"identities": [identity]}, indent=1)


def credentials_text(access_key: str, secret_key: str) -> str:
    """The shared credentials file that S3 clients read."""
    return f"[default]\naws_access_key_id = {access_key}\naws_secret_access_key = {secret_key}\n"


def ensure_keys(folder: Path) -> tuple[str, str]:
    """Access key and secret key, made at the first start: one file each, and both in a shared credentials file."""
    access_key = ensure_secret(folder / "access_key", 20)
    secret_key = ensure_secret(folder / "secret_key", 40)
    write_private(folder / "credentials", credentials_text(access_key, secret_key))
    return access_key, secret_key


def main() -> None:
    parser = argparse.ArgumentParser(prog="aifbench.services.launch.seaweedfs", allow_abbrev=False)
    parser.add_argument("--secrets", required=True, type=Path, help="folder of the files with the keys")
    parser.add_argument("--configuration", required=True, type=Path)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--patience", required=True, type=float, help="seconds between asking to end and killing")
    parser.add_argument("server", nargs=argparse.REMAINDER, help="-- and the server's whole command line")
    given = parser.parse_args()
    argv = [part for part in given.server if part != "--"]
    given.data.mkdir(parents=True, exist_ok=True)
    write_private(given.configuration, s3_configuration(*ensure_keys(given.secrets)))
    code = serve(argv, os.environ, ask=signal.SIGTERM, patience_s=given.patience)
    remove_sockets(argv)
    sys.exit(code if code >= 0 else 128 - code)


def remove_sockets(argv: list[str]) -> None:
    """Unix sockets that the server made in the temporary folder, one or two per port, and leaves behind."""
    ports = [part.partition("=")[2] for part in argv if ".port" in part]
    for port in ports:
        for path in Path(tempfile.gettempdir()).glob(f"seaweedfs-*-{port}.sock"):
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
