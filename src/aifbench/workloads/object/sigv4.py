"""AWS Signature Version 4 for S3 requests. Pure: the time comes in as an argument.

Source: AWS, "Create a signed AWS API request" (Signature Version 4) and Amazon S3 API Reference, "Authenticating
Requests (AWS Signature Version 4)". S3 is special: paths are encoded once and the payload's hash is a header.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

UNSIGNED = "UNSIGNED-PAYLOAD"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def uri_encode(text: str, *, keep_slash: bool = False) -> str:
    """RFC 3986 percent-encoding as AWS wants it: upper-case digits, only unreserved characters left alone."""
    return "".join(
        chr(byte) if byte in _UNRESERVED or (keep_slash and byte == 0x2F) else f"%{byte:02X}" for byte in text.encode()
    )


def canonical_query(query: Mapping[str, str]) -> str:
    """The query string in the order and encoding that is signed; it is also what is sent."""
    encoded = sorted((uri_encode(name), uri_encode(value)) for name, value in query.items())
    return "&".join(f"{name}={value}" for name, value in encoded)


class Signer:
    """Signs for one access key and region. The derived key is kept for its day."""

    def __init__(
        self, access_key: str, secret_key: str, region: str = "us-east-1", service: str = "s3", session_token: str = ""
    ) -> None:
        self._access_key = access_key
        self._secret = f"AWS4{secret_key}".encode()
        self._region = region
        self._service = service
        self._token = session_token
        self._day = ""
        self._key = b""

    def _signing_key(self, day: str) -> bytes:
        if day != self._day:
            key = self._secret
            for part in (day, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._day, self._key = day, key
        return self._key

    def headers(
        self, method: str, path: str, query: str, host: str, payload_hash: str, now: datetime, more: Mapping[str, str]
    ) -> dict[str, str]:
        """All headers to send beside Host and Content-Length. `path` and `query` are encoded already.

        `more` are further headers to send and to sign; `now` is UTC.
        """
        stamp = now.strftime("%Y%m%dT%H%M%SZ")
        sent = {"x-amz-content-sha256": payload_hash, "x-amz-date": stamp, **more}
        if self._token:
            sent["x-amz-security-token"] = self._token
        signed = sorted([("host", host), *((name.lower(), " ".join(value.split())) for name, value in sent.items())])
        names = ";".join(name for name, _ in signed)
        lines = "".join(f"{name}:{value}\n" for name, value in signed)
        canonical = f"{method}\n{path}\n{query}\n{lines}\n{names}\n{payload_hash}"
        scope = f"{stamp[:8]}/{self._region}/{self._service}/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
        signature = hmac.digest(self._signing_key(stamp[:8]), text.encode(), "sha256").hex()
        sent["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self._access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
        return sent
