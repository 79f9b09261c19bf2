"""One HTTP question to a running service, for its version and configuration; never through a proxy."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from aifbench.errors import ServiceError


def get_text(url: str, *, timeout_s: float = 10.0) -> str:
    """The body of a 2xx answer to GET. Raises ServiceError."""
    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(Request(url), timeout=timeout_s) as answer:  # noqa: S310 - the service's own http address
            body: bytes = answer.read()
    except HTTPError as error:
        raise ServiceError(f"GET {url} answered {error.code}, expected 200") from error
    except (URLError, http.client.HTTPException, OSError) as error:
        reason = getattr(error, "reason", error)
        raise ServiceError(f"GET {url} failed: {reason}") from error
    return body.decode("utf-8", "replace")


def get_json(url: str, *, timeout_s: float = 10.0) -> Any:
    """The JSON body of a 2xx answer to GET. Raises ServiceError."""
    text = get_text(url, timeout_s=timeout_s)
    try:
        return json.loads(text)
    except ValueError as error:
        raise ServiceError(f"GET {url} answered something else than JSON: {text[:200]!r}") from error
