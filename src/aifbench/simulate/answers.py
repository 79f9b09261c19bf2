"""The bytes of the simulator's answers. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

MODEL = "simulated"
EVENT_STREAM = "text/event-stream"
WORD = " word"


def head(status: int, content_type: str, length: int | None, *, close: bool = False, extra: str = "") -> bytes:
    """The head of an answer; chunked when `length` is None."""
    reason = {200: "OK", 400: "Bad Request", 404: "Not Found"}.get(status, "Status")
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    connection = "Connection: close\r\n" if close else ""
    return (
        f"HTTP/1.1 {status} {reason}\r\nContent-Type: {content_type}\r\n{framing}\r\n{connection}{extra}\r\n"
    ).encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"


def whole(status: int, data: Any) -> bytes:
    """A JSON answer in one piece."""
    body = json.dumps(data).encode()
    return head(status, "application/json", len(body)) + body


def sse(data: Any, *, ascii_only: bool = True) -> bytes:
    return b"data: " + json.dumps(data, separators=(",", ":"), ensure_ascii=ascii_only).encode() + b"\n\n"


@dataclass(frozen=True)
class Asked:
    """What a request asks for, as far as the simulator cares."""

    chat: bool
    stream: bool
    events: int
    usage: bool
    input_tokens: int


def read_request(path: str, body: bytes, default_events: int) -> Asked:
    """Raises ValueError when the body is not a JSON object."""
    data = json.loads(body or b"{}")
    if not isinstance(data, dict):
        raise ValueError("the body is not a JSON object")
    chat = path.endswith("/chat/completions")
    if chat:
        text = " ".join(str(message.get("content", "")) for message in data.get("messages", []))
    else:
        text = str(data.get("prompt", ""))
    limit = data.get("max_completion_tokens") or data.get("max_tokens") or default_events
    return Asked(
        chat=chat,
        stream=bool(data.get("stream")),
        events=max(1, int(limit)),
        usage=bool((data.get("stream_options") or {}).get("include_usage")),
        input_tokens=len(text.split()),
    )


def _envelope(asked: Asked, number: int) -> dict[str, Any]:
    kind = ("chat.completion" if asked.chat else "text_completion") + (".chunk" if asked.stream and asked.chat else "")
    return {"id": f"sim-{number}", "object": kind, "created": 0, "model": MODEL}


def usage(asked: Asked) -> dict[str, int]:
    return {
        "prompt_tokens": asked.input_tokens,
        "completion_tokens": asked.events,
        "total_tokens": asked.input_tokens + asked.events,
    }


def content_event(asked: Asked, number: int, text: str = WORD, *, ascii_only: bool = True) -> bytes:
    """One token as an event of the stream."""
    delta = {"delta": {"content": text}} if asked.chat else {"text": text}
    choices = [{"index": 0, **delta, "finish_reason": None}]
    return sse({**_envelope(asked, number), "choices": choices}, ascii_only=ascii_only)


def delta_event(asked: Asked, number: int, delta: dict[str, Any]) -> bytes:
    """A chat event with any delta."""
    return sse({**_envelope(asked, number), "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})


def closing_events(asked: Asked, number: int) -> list[bytes]:
    """Finish reason, usage when it was asked for, and the end mark."""
    delta: dict[str, Any] = {"delta": {}} if asked.chat else {"text": ""}
    last = [sse({**_envelope(asked, number), "choices": [{"index": 0, **delta, "finish_reason": "length"}]})]
    if asked.usage:
        last.append(sse({**_envelope(asked, number), "choices": [], "usage": usage(asked)}))
    return [*last, b"data: [DONE]\n\n"]


def completion(asked: Asked, number: int) -> bytes:
    """The answer that is not streamed."""
    text = (WORD * asked.events).strip()
    content = {"message": {"role": "assistant", "content": text}} if asked.chat else {"text": text}
    choices = [{"index": 0, **content, "finish_reason": "length"}]
    return whole(200, {**_envelope(asked, number), "choices": choices, "usage": usage(asked)})
