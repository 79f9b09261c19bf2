"""Whose certificates a TLS client believes."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aifbench.errors import LoadError


@dataclass(frozen=True)
class Trust:
    """The authorities of the system (and of SSL_CERT_FILE), or those of `ca_file` instead; with `verify` False anybody.

    `ca_file` is a PEM file on the machine of the workers.
    """

    verify: bool = True
    ca_file: str = ""

    def context(self) -> ssl.SSLContext:
        """Raises LoadError for a CA file that cannot be used."""
        try:
            made = ssl.create_default_context(cafile=self.ca_file or None)
        except (OSError, ssl.SSLError) as error:
            raise LoadError(
                f"the CA file cannot be used: {error.strerror if isinstance(error, FileNotFoundError) else error}",
                where=self.ca_file,
                hint="expected a PEM file with the certificates of the authorities that are trusted",
            ) from error
        if not self.verify:
            made.check_hostname = False
            made.verify_mode = ssl.CERT_NONE
        return made


SYSTEM = Trust()


def trust_of(attributes: Mapping[str, Any], *, verify: bool = True) -> Trust:
    """What the attributes `verify_tls` and `ca_file` of an endpoint say; `verify` is the workload's own word.

    Raises LoadError for values of the wrong type.
    """
    said = attributes.get("verify_tls", True)
    ca_file = attributes.get("ca_file") or ""
    if not isinstance(said, bool) or not isinstance(ca_file, str):
        raise LoadError(
            f"got verify_tls: {said!r} and ca_file: {ca_file!r} in the target's attributes, "
            "expected true or false, and the path of a PEM file"
        )
    return Trust(verify=verify and said, ca_file=ca_file)
