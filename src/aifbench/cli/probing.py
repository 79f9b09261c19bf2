"""From the words of `aifbench probe` to a recipe, as data. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from aifbench.errors import UsageError

READY_TIMEOUT = "2s"
"""A target that is there answers at once; one that is not shall be said so at once."""


def recipe(
    kind: str, target: Mapping[str, Any], options: Mapping[str, Any], load: Mapping[str, Any], more: Mapping[str, Any]
) -> dict[str, Any]:
    """One service, one workload. `options` are the workload's keys with `uses`; values of None are left out."""
    return {
        "name": f"probe-{kind}",
        **_given(more),
        "services": {"target": _given(target)},
        "workloads": {kind: {"uses": options["uses"], "target": "target", **_given(options), "load": _given(load)}},
    }


def _given(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if value is not None and value not in ((), {})}


def load_of(how: Mapping[str, Any]) -> dict[str, Any]:
    """The `load:` of the recipe. Without rate and concurrency one user asks, each time when it has its answer."""
    rate, users = values(how["rate"]), values(how["concurrency"])
    if rate is None and users is None and how["arrival"] is None:
        users = 1
    return {
        "arrival": how["arrival"],
        "rate_per_s": rate,
        "concurrency": users,
        "duration": how["duration"] or (None if how["requests"] else "30s"),
        "operations": how["requests"],
        "warmup": how["warmup"],
        "timeout": how["timeout"],
        "workers": how["workers"],
        "timestamps": how["timestamps"],
    }


def values(text: str | None) -> Any:
    """`8` → 8, `1,2,4` → [1, 2, 4], `600/min` as it is; None stays None."""
    if text is None:
        return None
    found = [_value(part.strip()) for part in text.split(",")]
    return found[0] if len(found) == 1 else found


def _value(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def external(url: str, protocol: str, attributes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {
        "uses": "external",
        "url": url,
        "protocol": protocol,
        "attributes": _given(attributes or {}),
        "ready_timeout": READY_TIMEOUT,
    }


def secret(name: str | None) -> str | None:
    """The reference to an environment variable."""
    return None if name is None else f"${{env:{name}}}"


def address(target: str) -> str:
    """With `http://` before it when there is no scheme. Raises UsageError."""
    whole = target if "://" in target else f"http://{target}"
    parts = urlsplit(whole)
    if parts.scheme not in ("http", "https", "http+unix") or not parts.netloc:
        raise UsageError(f"got target {target!r}, expected an address such as http://127.0.0.1:8000")
    return whole


def grpc_address(target: str) -> str:
    """With `grpc://` before it when there is no scheme. Raises UsageError."""
    whole = target if "://" in target else f"grpc://{target}"
    parts = urlsplit(whole)
    if parts.scheme == "unix" and parts.path:
        return whole
    if parts.scheme not in ("grpc", "grpcs", "http", "https") or not parts.netloc:
        raise UsageError(f"got target {target!r}, expected an address such as 127.0.0.1:50051 or grpcs://host:443")
    return whole


def api_root(target: str) -> str:
    """The address that `/v1/…` is put behind: OpenAI clients name it with `/v1`, we without."""
    return address(target).rstrip("/").removesuffix("/v1")


def split_path(target: str) -> tuple[str, str]:
    """Address and path with query of a URL."""
    parts = urlsplit(address(target))
    root = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
    return root, urlunsplit(("", "", parts.path or "/", parts.query, ""))


def headers(given: tuple[str, ...]) -> dict[str, str]:
    """`Name: value` each. Raises UsageError."""
    found = {}
    for text in given:
        name, colon, value = text.partition(":")
        if not colon or not name.strip():
            raise UsageError(f"got header {text!r}, expected 'Name: value'")
        found[name.strip()] = value.strip()
    return found
