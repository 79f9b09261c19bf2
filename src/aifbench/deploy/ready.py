"""One readiness question, asked once: None for yes, otherwise the reason in words. Nothing is started here.

No answer ever raises: a server that is starting refuses, resets, or says things that are no HTTP.
"""

from __future__ import annotations

import http.client
import os
import re
import socket
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from aifbench.errors import MissingExtra
from aifbench.model.options import SECRET
from aifbench.model.service import Probe

Run = Callable[[tuple[str, ...]], str | None]
"""Runs a command: None when it exited with 0, otherwise what it did instead."""

ANSWER_WITHIN_S = 3.0
_MOST_BYTES = 1 << 20
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_SETTINGS = 4
_EMPTY_SETTINGS = bytes((0, 0, 0, _SETTINGS, 0, 0, 0, 0, 0))
_S3_DOCUMENT = re.compile(rb"\s*(?:<\?xml[^>]*\?>)?\s*<(?:ListAllMyBucketsResult|Error)[\s>]")


def check(probe: Probe, run: Run, timeout_s: float = ANSWER_WITHIN_S) -> str | None:
    """None when the probe is answered with yes, otherwise why not. Raises MissingExtra and what `run` raises."""
    kinds: dict[str, Callable[[], str | None]] = {
        "tcp": lambda: _tcp(probe, timeout_s),
        "http": lambda: _http(probe, timeout_s),
        "http2": lambda: _http2(probe, timeout_s),
        "s3": lambda: _s3(probe, timeout_s),
        "sql": lambda: _sql(probe, timeout_s),
        "exec": lambda: run(probe.argv),
        "path": lambda: _path(probe),
        "none": lambda: None,
    }
    return kinds[probe.kind]()


def _tcp(probe: Probe, timeout_s: float) -> str | None:
    try:
        with socket.create_connection((probe.host, probe.port), timeout=timeout_s):
            return None
    except OSError as error:
        return f"connection to {probe.host}:{probe.port} {_words(error)}"


def _words(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, TimeoutError):
        return "not answered in time"
    if isinstance(error, ConnectionResetError | BrokenPipeError | http.client.RemoteDisconnected):
        return "closed by the other side"
    if isinstance(error, http.client.HTTPException):
        return f"answered with something that is not HTTP ({type(error).__name__})"
    return f"failed: {getattr(error, 'strerror', None) or error}"


def _get(url: str, timeout_s: float) -> tuple[int, bytes] | str:
    """Status and body of a GET without proxy and redirects, or the reason why there is none."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout_s)
    try:
        connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        answer = connection.getresponse()
        return answer.status, answer.read(_MOST_BYTES)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"GET {url} {_words(error)}"
    finally:
        connection.close()


def _http(probe: Probe, timeout_s: float) -> str | None:
    got = _get(probe.url, timeout_s)
    if isinstance(got, str):
        return got
    status, body = got
    if status not in probe.statuses:
        return f"GET {probe.url} answered {status}, expected {' or '.join(map(str, probe.statuses))}"
    if probe.contains.encode() not in body:
        return f"GET {probe.url} answered {status}, but {probe.contains!r} is not in the body"
    return None


def _http2(probe: Probe, timeout_s: float) -> str | None:
    """The client's preface and empty settings are answered with the server's settings first (RFC 9113, 3.4)."""
    try:
        with socket.create_connection((probe.host, probe.port), timeout=timeout_s) as plain:
            connection = _tls(plain, probe.host) if urlsplit(probe.url).scheme in ("https", "grpcs") else plain
            connection.sendall(_PREFACE + _EMPTY_SETTINGS)
            head = connection.makefile("rb").read(9)
    except OSError as error:
        return f"connection to {probe.host}:{probe.port} {_words(error)}"
    if len(head) < 9 or head[3] != _SETTINGS:
        return f"{probe.host}:{probe.port} does not answer HTTP/2, which gRPC needs"
    return None


def _tls(plain: socket.socket, host: str) -> socket.socket:
    """Whether the certificate is trusted is the client's question, not that of readiness."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context.wrap_socket(plain, server_hostname=host)


def _s3(probe: Probe, timeout_s: float) -> str | None:
    """An S3 server answers an unsigned GET of its root with a list of buckets or with an S3 error (access denied)."""
    got = _get(probe.url, timeout_s)
    if isinstance(got, str):
        return got
    status, body = got
    if status >= 500 or not _S3_DOCUMENT.match(body):
        return f"GET {probe.url} answered {status} with no S3 document"
    return None


def _sql(probe: Probe, timeout_s: float) -> str | None:
    """`probe.path` is a file with the password; a reference in the address is resolved here and never shown."""
    try:
        import psycopg
    except ImportError as error:
        raise MissingExtra("psycopg", extra="sql") from error
    absent = [name for name in SECRET.findall(probe.url) if name not in os.environ]
    if absent:
        return f"environment variable {absent[0]} is not set"
    url = SECRET.sub(lambda match: os.environ[match[1]], probe.url)
    try:
        password = Path(probe.path).read_text(encoding="utf-8").strip() if probe.path else None
        with psycopg.connect(url, password=password, connect_timeout=max(2, round(timeout_s))) as connection:
            row = connection.execute("SELECT 1").fetchone()
    except OSError as error:
        return f"password file {probe.path} cannot be read yet: {error.strerror}"
    except psycopg.Error as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return f"{probe.url}: {lines[0]}"
    return None if row == (1,) else f"{probe.url}: SELECT 1 gave {row}"


def _path(probe: Probe) -> str | None:
    if not Path(probe.path).is_dir():
        return f"{probe.path} is not a directory"
    try:
        with tempfile.TemporaryFile(dir=probe.path):
            return None
    except OSError as error:
        return f"{probe.path} cannot be written: {error.strerror}"
