"""Why no connection came about: a short, stable word for the samples, and a sentence with a hint for people. Pure."""

from __future__ import annotations

import errno
import socket
import ssl

_NAME_MISMATCH = (62, 64)
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH (OpenSSL, x509_vfy.h)."""
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")
"""What OpenSSL calls an answer that is no TLS record."""


def error_kind(error: BaseException) -> str:
    """The short, stable word for a connection failure."""
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "reset"
    if isinstance(error, socket.gaierror):
        return "dns"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "tls-name" if error.verify_code in _NAME_MISMATCH else "tls-certificate"
    if isinstance(error, ssl.SSLError):
        return "no-tls" if error.reason in _NO_TLS else "tls"
    if isinstance(error, TimeoutError):
        return "connect-timeout"
    if isinstance(error, OSError) and error.errno is not None:
        name = errno.errorcode.get(error.errno, str(error.errno))
        return {"EMFILE": "no-descriptors", "EADDRNOTAVAIL": "no-ports"}.get(name, f"os-{name}")
    return type(error).__name__


def explain(error: OSError) -> tuple[str, str]:
    """What happened, and what to do about it."""
    kind = error_kind(error)
    words = _plain(error)
    if kind == "dns":
        return words, "check the spelling of the address; `getent hosts NAME` shows what this machine knows"
    if kind == "tls-name":
        return (
            f"the server's certificate is for another name: {words}",
            "use the name that the certificate was made for",
        )
    if kind == "tls-certificate":
        return (
            f"the server's certificate is not trusted: {words}",
            "target's attributes: `ca_file: /path/ca.pem` names its authority, `verify_tls: false` trusts anybody",
        )
    if kind == "no-tls":
        return f"the address says https, but the server does not speak TLS ({words})", "write http:// instead"
    if kind == "refused":
        return f"{words}: nothing listens there", "check host and port, and that the target runs"
    if kind == "connect-timeout":
        return f"no answer to the attempt to connect ({words})", "check host and port, and firewalls between"
    if kind in ("os-ENOENT", "os-EACCES"):
        return f"{words} (the Unix socket)", "check the socket's path and its permissions"
    if kind == "no-descriptors":
        return words, "raise the limit: ulimit -n 65536"
    return words, ""


def _plain(error: OSError) -> str:
    """The error's own words, without numbers and source lines."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message.rstrip(".")
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    if isinstance(error, TimeoutError) and "handshake" in str(error):
        return "the TLS handshake was not answered in time"
    return error.strerror or str(error)
