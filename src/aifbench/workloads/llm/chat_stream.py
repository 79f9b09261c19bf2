"""What an OpenAI chat answer says, read after the load: content events, token counts, how it ended.

A content event is a message with non-empty generated payload (text, reasoning, tool call). Role-only, empty,
keep-alive, usage-only and finish-only messages start nothing. API: OpenAI Chat Completions, streaming.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from aifbench.load.transport.framing import FramingError
from aifbench.load.transport.http_answer import HttpAnswer
from aifbench.load.transport.sse import stream_events


@dataclass
class ChatAnswer:
    """`event_ns` are stamps of content events; `answer_ns` that of the first one that is not reasoning (0: none)."""

    event_ns: list[int] = field(default_factory=list)
    answer_ns: int = 0
    other_events: int = 0
    output_tokens: int | None = None
    output_tokens_source: str | None = None
    input_tokens: int | None = None
    finish_reason: str | None = None
    response_id: str | None = None
    error: str = ""
    note: str = ""

    def take_usage(self, usage: Any) -> None:
        if not isinstance(usage, dict):
            return
        if isinstance(usage.get("completion_tokens"), int):
            self.output_tokens = usage["completion_tokens"]
            self.output_tokens_source = "usage"
        if isinstance(usage.get("prompt_tokens"), int):
            self.input_tokens = usage["prompt_tokens"]

    def wrong(self, error: str, note: str) -> None:
        if not self.error:
            self.error, self.note = error, note


def _payload(delta: Any) -> tuple[bool, bool]:
    """Whether a delta generates something, and whether that is (also) other than reasoning."""
    if not isinstance(delta, dict):
        return False, False
    answer = bool(delta.get("content") or delta.get("tool_calls") or delta.get("refusal"))
    reasoning = bool(delta.get("reasoning_content") or delta.get("reasoning"))
    return answer or reasoning, answer


def read_stream(answer: HttpAnswer) -> ChatAnswer:
    """A streamed answer. What is wrong with it is in `error` (`not-a-stream`, `bad-json`, `stream-error`, …)."""
    result = ChatAnswer()
    kind = answer.header("content-type").lower()
    if kind and "text/event-stream" not in kind:
        result.wrong("not-a-stream", f"content type {kind}: {b''.join(answer.reads)[:120]!r}")
        return result
    done = False
    alike = _Alike()
    stamps = result.event_ns
    try:
        for at_ns, data in stream_events(answer.reads, answer.stamps, chunked=answer.chunked):
            if alike.generates(data):
                stamps.append(at_ns)
            elif data == b"[DONE]":
                done = True
            elif data:
                _take_event(result, at_ns, data, alike)
            else:
                result.other_events += 1
    except FramingError as error:
        result.wrong("bad-http", str(error))
    if not done and result.finish_reason is None:
        result.wrong("cut-stream", "the stream ended without [DONE] and without a finish reason")
    if result.output_tokens is None and result.event_ns:
        result.output_tokens, result.output_tokens_source = len(result.event_ns), "events (estimated)"
    return result


class _Alike:
    """Recognises events that are, but for their text, the same bytes as one that was read in full.

    Streams repeat one envelope thousands of times. An event with the same beginning and end generates something if
    text stands between; a `":` between them could only come from another key (in a text the quote is escaped), so
    such an event is read in full.
    """

    def __init__(self) -> None:
        self._before = b""
        self._after = b""
        self._least = 1 << 62

    def learn(self, data: bytes, text: Any) -> None:
        """`data` was found to hold the non-empty `text` as the content of its only choice, and nothing else."""
        for ascii_only in (True, False):
            word = json.dumps(text, ensure_ascii=ascii_only)[1:-1].encode()
            if data.count(word) == 1:
                before, _, after = data.partition(word)
                if before.endswith(b'"') and after.startswith(b'"'):
                    self._before, self._after = before, after
                    self._least = len(before) + len(after) + 1
                    return

    def generates(self, data: bytes) -> bool:
        return (
            len(data) >= self._least
            and data.startswith(self._before)
            and data.endswith(self._after)
            and b'":' not in data[len(self._before) : -len(self._after)]
        )


def _take_event(result: ChatAnswer, at_ns: int, data: bytes, alike: _Alike) -> None:
    try:
        message = json.loads(data)
    except ValueError:
        result.wrong("bad-json", f"an event is not JSON: {data[:120]!r}")
        return
    if not isinstance(message, dict):
        result.wrong("bad-json", f"an event is not an object: {data[:120]!r}")
        return
    if message.get("error"):
        result.wrong("stream-error", json.dumps(message["error"])[:300])
        return
    result.response_id = result.response_id or message.get("id")
    result.take_usage(message.get("usage"))
    generated = False
    choices = message.get("choices") or ()
    for choice in choices:
        delta = choice.get("delta")
        some, answer = _payload(delta)
        if answer and len(choices) == 1 and isinstance(delta.get("content"), str) and not choice.get("finish_reason"):
            alike.learn(data, delta["content"])
        generated = generated or some
        if answer and not result.answer_ns:
            result.answer_ns = at_ns
        result.finish_reason = choice.get("finish_reason") or result.finish_reason
    if generated:
        result.event_ns.append(at_ns)
    else:
        result.other_events += 1


def read_whole(answer: HttpAnswer) -> ChatAnswer:
    """An answer that was not streamed: it has no content events, so time to first token does not exist for it."""
    result = ChatAnswer()
    try:
        body = answer.body()
        message = json.loads(body)
        choices = message["choices"]
        text = choices[0]["message"]
    except FramingError as error:
        result.wrong("bad-http", str(error))
        return result
    except (ValueError, LookupError, TypeError):
        result.wrong("bad-json", f"not a chat completion: {body[:120]!r}")
        return result
    result.take_usage(message.get("usage"))
    result.response_id = message.get("id")
    result.finish_reason = choices[0].get("finish_reason")
    if result.output_tokens is None and not _payload(text)[0]:
        result.wrong("empty-answer", "no content and no usage")
    return result
