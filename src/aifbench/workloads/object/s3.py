"""S3 requests as bytes, and the few exchanges around a load: making, filling and removing what the run owns."""

from __future__ import annotations

import configparser
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from aifbench.clock import sleep_s, utc_now
from aifbench.errors import LoadError
from aifbench.load.transport.address import parse
from aifbench.load.transport.batch import exchange_all
from aifbench.load.transport.http import Buffers
from aifbench.load.transport.http_answer import HttpAnswer
from aifbench.load.transport.secret import from_attributes, read_secret_file, resolve
from aifbench.load.transport.trust import trust_of
from aifbench.model.operation import OK, Operation
from aifbench.model.service import Endpoint
from aifbench.workloads.object.sigv4 import EMPTY_SHA256, UNSIGNED, Signer, canonical_query, uri_encode

AT_ONCE = 8
TRIES = 5
_PAUSE_S = 0.3


def signer_of(endpoint: Endpoint) -> Signer | None:
    """From the endpoint's references; None (unsigned requests) when it has none. Raises LoadError."""
    attributes = endpoint.attributes
    access_key = from_attributes(attributes, "access_key")
    secret_key = from_attributes(attributes, "secret_key")
    token = from_attributes(attributes, "session_token") or ""
    if access_key is None and attributes.get("credentials_file"):
        path = resolve(str(attributes["credentials_file"]))
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read_string(read_secret_file(path))
            section = parser[str(attributes.get("profile", "default"))]
            access_key, secret_key = section["aws_access_key_id"], section["aws_secret_access_key"]
        except (configparser.Error, KeyError) as error:
            raise LoadError(f"credentials file {path} has no access key and secret key: {error}") from error
        token = section.get("aws_session_token", "")
    if access_key is None and secret_key is None:
        return None
    if not access_key or not secret_key:
        raise LoadError("an S3 endpoint needs both access_key and secret_key", hint="or credentials_file, or neither")
    return Signer(access_key, secret_key, str(attributes.get("region") or "us-east-1"), session_token=token)


class S3:
    """Builds requests to one bucket, addressed by path (http://host/bucket/key)."""

    def __init__(self, endpoint: Endpoint, bucket: str, *, verify_tls: bool = True, hash_payload: bool = False) -> None:
        self.url = endpoint.url
        self.bucket = bucket
        self.trust = trust_of(endpoint.attributes, verify=verify_tls)
        self._address = parse(endpoint.url)
        self._signer = signer_of(endpoint)
        self._hash_payload = hash_payload

    def request(
        self, method: str, key: str = "", query: Mapping[str, str] | None = None, body: Sequence[Any] = ()
    ) -> Buffers:
        """The whole request, signed for this moment: it must be sent within minutes."""
        path = f"{self._address.prefix}/{self.bucket}"
        if key:
            path += "/" + uri_encode(key, keep_slash=True)
        text = canonical_query(query or {})
        host = self._address.host_header
        size = sum(len(part) for part in body)
        lines = [
            f"{method} {path}{'?' + text if text else ''} HTTP/1.1",
            f"Host: {host}",
            "Accept-Encoding: identity",
            f"Content-Length: {size}",
        ]
        if self._signer is not None:
            signed = self._signer.headers(method, path, text, host, self._payload_hash(body), utc_now(), {})
            lines += [f"{name}: {value}" for name, value in signed.items()]
        return (("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), *body)

    def _payload_hash(self, body: Sequence[Any]) -> str:
        if not body:
            return EMPTY_SHA256
        if not self._hash_payload:
            return UNSIGNED
        total = hashlib.sha256()
        for part in body:
            total.update(part)
        return total.hexdigest()

    def exchange(
        self, requests: Iterable[Callable[[], Buffers]], *, good: Sequence[int] = (), method: str = ""
    ) -> list[Operation]:
        """Do them all, some at once, outside of any measurement; transient failures are tried again.

        Raises LoadError for an answer that is neither a success nor one of `good`.
        """
        waiting = list(enumerate(requests))
        ended: dict[int, Operation] = {}
        for attempt in range(TRIES):
            done = exchange_all(self.url, dict(waiting), at_once=AT_ONCE, bodyless=method == "HEAD", trust=self.trust)
            failed = [
                (number, build)
                for number, build in waiting
                if done[number].status != OK and done[number].detail.status not in good
            ]
            ended |= done
            fatal = [done[number] for number, _ in failed if 300 <= done[number].detail.status < 500]
            if fatal or (failed and attempt == TRIES - 1):
                self._raise((fatal or [done[failed[0][0]]])[0])
            if not failed:
                break
            waiting = failed
            sleep_s(_PAUSE_S * (attempt + 1))
        return [ended[number] for number in sorted(ended)]

    def _raise(self, operation: Operation) -> None:
        answer: HttpAnswer = operation.detail
        raise LoadError(
            f"S3 at {self.url} refused {operation.kind} ({operation.error})",
            where=self.bucket,
            quoted=[operation.note] if operation.note else [],
            hint=_hint(answer.status),
        )

    def one(self, method: str, key: str = "", query: Mapping[str, str] | None = None, **more: Any) -> HttpAnswer:
        """A single exchange; see `exchange`."""
        body = more.pop("body", ())
        build = [lambda: self.request(method, key, query, body)]
        answer: HttpAnswer = self.exchange(build, method=method, **more)[0].detail
        return answer

    def keys(self, prefix: str) -> list[str]:
        """All keys that begin with `prefix`."""
        found: list[str] = []
        token = ""
        while True:
            query = {"list-type": "2", "prefix": prefix, "max-keys": "1000"}
            if token:
                query["continuation-token"] = token
            page, token = parse_list(self.one("GET", query=query).body())
            found += page
            if not token:
                return found


def _hint(status: int) -> str:
    if status in (401, 403):
        return "check access key, secret key and region"
    return "" if status else "check that an S3 server listens there"


_NAMESPACE = re.compile(r"^\{[^}]*\}")


def parse_list(body: bytes) -> tuple[list[str], str]:
    """Keys and the continuation token (empty at the end) of a ListObjectsV2 answer. Raises LoadError."""
    try:
        root = ET.fromstring(body)  # noqa: S314 - expat expands no external entities; the server is the target
    except ET.ParseError as error:
        raise LoadError(
            f"the answer to a list is not XML: {error}", quoted=[body[:200].decode("utf-8", "replace")]
        ) from error
    keys: list[str] = []
    token = ""
    for element in root.iter():
        name = _NAMESPACE.sub("", element.tag)
        if name == "Key":
            keys.append(element.text or "")
        elif name == "NextContinuationToken":
            token = element.text or ""
    return keys, token
