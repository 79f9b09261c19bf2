"""Makes the access keys of a SeaweedFS server and its S3 configuration, then becomes the server."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from aifbench.services.launch.ending import refuse
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
    parser.add_argument("server", nargs=argparse.REMAINDER, help="-- and the server's whole command line")
    given = parser.parse_args()
    argv = [part for part in given.server if part != "--"]
    given.data.mkdir(parents=True, exist_ok=True)
    write_private(given.configuration, s3_configuration(*ensure_keys(given.secrets)))
    try:
        os.execv(argv[0], argv)  # noqa: S606 - this process becomes the server
    except OSError as error:
        refuse(f"{argv[0]}: {error}", code=127)


if __name__ == "__main__":
    main()
