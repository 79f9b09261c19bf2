"""What to look at first, by the kind of error that most of the failed operations had."""

from __future__ import annotations

from collections.abc import Mapping

_NOT_IT = "the target is not what the recipe names: check its address, path and protocol"
_ANSWER = "what the server said is in the column note of the samples"

HINTS: Mapping[str, str] = {
    "not-a-stream": _NOT_IT,
    "bad-json": _NOT_IT,
    "bad-xml": _NOT_IT,
    "bad-http": _NOT_IT,
    "no-events": _NOT_IT,
    "cut-stream": "streams ended before their end mark: look for a proxy between, or a limit of the server",
    "redirect": "redirects are not followed: name the address that it leads to",
    "compressed": "turn compression off in the server or the proxy in front of it: it would be measured too",
    "refused": "nothing listens there any more: look at the target's log",
    "reset": "the target closed connections: look at its log, and at its limit of connections",
    "timeout": "no answer within load.timeout: raise it, or lower the load",
    "dns": "the host name is not known to this machine",
    "tls-certificate": "name its authority in the target's attributes: ca_file",
    "tls-name": "use the host name that the certificate was made for",
    "no-tls": "write http:// instead of https://, or leave out sslmode",
    "no-ports": "local ports ran out: lower the rate, or have the server keep connections alive",
    "no-descriptors": "raise the limit of file descriptors: ulimit -n",
    "no-slot": "raise the limit of file descriptors: ulimit -n",
    "too-many-connections": "lower load.concurrency, or raise the server's limit of connections",
    "http-400": f"the server does not accept the request: {_ANSWER}",
    "http-401": "check the key or password of the target's attributes",
    "http-403": "check the key or password of the target's attributes, and what it may do",
    "http-404": "check path, model or bucket: the server knows nothing of that name",
    "http-413": "the request is larger than the server takes",
    "http-429": "the server limits the rate: lower the load, or raise its limit",
    "http-503": "the server is overloaded or not ready: lower the load, or look at its log",
    "grpc-unavailable": "the server went away or refuses new calls: look at its log",
    "grpc-deadline-exceeded": "no answer within load.timeout: raise it, or lower the load",
    "grpc-unimplemented": "the server has no such method: check package, service and method, letter by letter",
    "grpc-resource-exhausted": "the server is at a limit of its own: lower the load, or raise that limit",
    "grpc-unauthenticated": "check the option metadata: the server wants a key or token",
    "grpc-permission-denied": "check the option metadata, and what that key may do",
    "grpc-invalid-argument": f"the server does not accept the request: {_ANSWER}",
    "wrong-count": "streams had more or fewer messages than the option messages says",
}


def hint_for(kind: str) -> str:
    """Empty where there is nothing better to say than to look at the errors."""
    if kind in HINTS:
        return HINTS[kind]
    if kind.startswith("http-5"):
        return "the server failed: look at its log"
    return f"the server refuses: {_ANSWER}" if kind.startswith("http-4") else ""
