"""What the simulator can do wrong on purpose: each fault turns a good answer into a certain bad one.

An answer is a list of steps; a fault returns another list. Which requests it befalls is decided by their numbers
(`@3,7`) or by a seeded share (`@0.1`); without either, all.
"""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from aifbench.registry import unknown
from aifbench.simulate import answers
from aifbench.simulate.answers import Asked
from aifbench.units import parse_duration_s

After = Literal["", "close", "reset", "die"]


class Step(NamedTuple):
    """Bytes written at `due_ns` after the service began.

    `after` says what becomes of the connection then: closed in order, reset, or the whole server dies (closes
    everything and listens no more).
    """

    due_ns: int
    data: bytes
    after: After = ""


@dataclass(frozen=True)
class Answering:
    """What a fault may know: the request, its number, and the due times of its events."""

    asked: Asked
    number: int
    due_ns: list[int]
    value_ns: int

    def events(self) -> list[bytes]:
        return [answers.content_event(self.asked, self.number)] * len(self.due_ns)

    def good(self) -> list[Step]:
        """The right answer."""
        if not self.asked.stream:
            return [Step(self.due_ns[-1], answers.completion(self.asked, self.number))]
        return self.stream(self.events(), answers.closing_events(self.asked, self.number))

    def stream(self, events: list[bytes], closing: list[bytes], *, head: bytes | None = None) -> list[Step]:
        """A streamed answer of these events, each a chunk of its own, at the due times."""
        chunks = {event: answers.chunk(event) for event in set(events)}
        steps = [Step(due, chunks[event]) for due, event in zip(self.due_ns, events, strict=True)]
        first = answers.head(200, answers.EVENT_STREAM, None) if head is None else head
        steps[0] = Step(steps[0].due_ns, first + steps[0].data)
        end = b"".join(answers.chunk(part) for part in closing) + answers.LAST_CHUNK
        steps[-1] = Step(steps[-1].due_ns, steps[-1].data + end)
        return steps


Fault = Callable[[Answering], list[Step]]
_HEAD = answers.head(200, answers.EVENT_STREAM, None)


def _whole(status: int, text: str, kind: str = "application/json", extra: str = "") -> Fault:
    data = answers.head(status, kind, len(text.encode()), extra=extra) + text.encode()
    return lambda answer: [Step(answer.due_ns[0], data)]


def _status(status: int, extra: str = "") -> Fault:
    return _whole(status, '{"error": {"message": "simulated"}}', extra=extra)


def _cut(after: After) -> Fault:
    """The first half of the events, then the end."""

    def fault(answer: Answering) -> list[Step]:
        steps = answer.good()
        half = steps[: max(1, len(steps) // 2)]
        last = half[-1]
        data = last.data if len(steps) > 1 else last.data[: len(last.data) // 2]
        return [*half[:-1], Step(last.due_ns, data, after)]

    return fault


def _stall(answer: Answering) -> list[Step]:
    steps = answer.good()
    half = len(steps) // 2
    return [Step(s.due_ns + (answer.value_ns if i >= half else 0), s.data) for i, s in enumerate(steps)]


def _slow_first(answer: Answering) -> list[Step]:
    return [Step(step.due_ns + answer.value_ns, step.data) for step in answer.good()]


def _slow_drip(answer: Answering) -> list[Step]:
    """The first step byte by byte, `value` apart; the rest follows at its time or right after."""
    first, *rest = answer.good()
    drops = [Step(first.due_ns + i * answer.value_ns, first.data[i : i + 1]) for i in range(len(first.data))]
    over = drops[-1].due_ns
    return [*drops, *(Step(max(step.due_ns, over), step.data) for step in rest)]


def _closing(change: Callable[[Answering, list[bytes]], list[bytes]]) -> Fault:
    def fault(answer: Answering) -> list[Step]:
        closing = answers.closing_events(answer.asked, answer.number)
        return answer.stream(answer.events(), change(answer, closing))

    return fault


def _events(change: Callable[[Answering, list[bytes]], list[bytes]]) -> Fault:
    def fault(answer: Answering) -> list[Step]:
        events = change(answer, answer.events())
        return answer.stream(events, answers.closing_events(answer.asked, answer.number))

    return fault


def _wrong_usage(answer: Answering, closing: list[bytes]) -> list[bytes]:
    wrong = {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": answer.asked.events * 2}}
    return [closing[0], answers.sse(wrong), closing[-1]]


def _role_first(answer: Answering, events: list[bytes]) -> list[bytes]:
    role = answers.delta_event(answer.asked, answer.number, {"role": "assistant", "content": ""})
    return [role + events[0], *events[1:]]


def _empty(answer: Answering, events: list[bytes]) -> list[bytes]:
    empty = answers.delta_event(answer.asked, answer.number, {"content": ""})
    return [empty + event for event in events]


def _comments(_answer: Answering, events: list[bytes]) -> list[bytes]:
    return [b": keep-alive\n\n" + event for event in events]


def _reasoning(answer: Answering, events: list[bytes]) -> list[bytes]:
    half = len(events) // 2
    thought = answers.delta_event(answer.asked, answer.number, {"reasoning_content": " hm"})
    return [thought] * half + events[half:]


def _tools(answer: Answering, events: list[bytes]) -> list[bytes]:
    call = {"index": 0, "id": "call", "type": "function", "function": {"name": "f", "arguments": "{"}}
    return [answers.delta_event(answer.asked, answer.number, {"tool_calls": [call]}) for _ in events]


def _merged(answer: Answering) -> list[Step]:
    """All events in one packet, at the time of the last."""
    steps = answer.good()
    return [Step(steps[-1].due_ns, b"".join(step.data for step in steps))]


def _split(answer: Answering) -> list[Step]:
    """Every event in three packets, `value` apart."""
    steps = []
    for step in answer.good():
        size = len(step.data)
        for part in range(3):
            data = step.data[size * part // 3 : size * (part + 1) // 3]
            steps.append(Step(step.due_ns + part * answer.value_ns, data))
    return steps


def _multibyte(answer: Answering) -> list[Step]:
    """Every event holds a four-byte character that is cut between two packets, `value` apart."""
    event = answers.content_event(answer.asked, answer.number, "\N{GRINNING FACE}", ascii_only=False)
    steps = answer.stream([event for _ in answer.due_ns], answers.closing_events(answer.asked, answer.number))
    parts = []
    for step in steps:
        cut = step.data.index("\N{GRINNING FACE}".encode()) + 2
        parts += [Step(step.due_ns, step.data[:cut]), Step(step.due_ns + answer.value_ns, step.data[cut:])]
    return parts


def _crlf(answer: Answering) -> list[Step]:
    def crlf(event: bytes) -> bytes:
        return event.replace(b"\n", b"\r\n")

    closing = answers.closing_events(answer.asked, answer.number)
    return answer.stream([crlf(event) for event in answer.events()], [crlf(event) for event in closing])


def _huge(answer: Answering, events: list[bytes]) -> list[bytes]:
    return [answers.content_event(answer.asked, answer.number, "x" * 10_000_000), *events[1:]]


def _endless(answer: Answering) -> list[Step]:
    """Ten minutes of events, 10 ms apart: longer than the time-out that should end it."""
    event = answers.chunk(answers.content_event(answer.asked, answer.number))
    first = answer.due_ns[0]
    return [Step(first + i * 10_000_000, (_HEAD if i == 0 else b"") + event) for i in range(60_000)]


def _length(difference: int) -> Fault:
    """A whole answer whose Content-Length is wrong by `difference`, then closed."""

    def fault(answer: Answering) -> list[Step]:
        body = answers.completion(answer.asked, answer.number).partition(b"\r\n\r\n")[2]
        head = answers.head(200, "application/json", len(body) + difference)
        return [Step(answer.due_ns[-1], head + body, "close")]

    return fault


def _idle_close(answer: Answering) -> list[Step]:
    steps = answer.good()
    return [*steps, Step(steps[-1].due_ns + answer.value_ns, b"", "close")]


def _bad_json(_answer: Answering, events: list[bytes]) -> list[bytes]:
    return [*events[:-1], b'data: {"choices": [{"delta"\n\n']


def _gzip(answer: Answering) -> list[Step]:
    body = gzip.compress(answers.completion(answer.asked, answer.number).partition(b"\r\n\r\n")[2], mtime=0)
    head = answers.head(200, "application/json", len(body), extra="Content-Encoding: gzip\r\n")
    return [Step(answer.due_ns[-1], head + body)]


def _at_first(data: bytes, after: After) -> Fault:
    return lambda answer: [Step(answer.due_ns[0], data, after)]


FAULTS: dict[str, tuple[Fault, str]] = {
    "die": (_at_first(b"", "die"), "the server closes everything: later connections are refused"),
    "reset-before-head": (_at_first(b"", "reset"), "reset before any byte of the answer"),
    "reset-in-head": (_at_first(_HEAD[:20], "reset"), "reset in the middle of the head"),
    "reset-after-head": (_at_first(_HEAD, "reset"), "reset right after the head"),
    "reset-in-stream": (_cut("reset"), "reset after half of the events"),
    "close-in-stream": (_cut("close"), "closed in order after half of the events"),
    "http-400": (_status(400), "status 400"),
    "http-401": (_status(401), "status 401"),
    "http-404": (_status(404), "status 404"),
    "http-429": (_status(429, "Retry-After: 1\r\n"), "status 429 with Retry-After"),
    "http-500": (_status(500), "status 500"),
    "http-503": (_status(503), "status 503"),
    "redirect": (_whole(302, "", extra="Location: /elsewhere\r\n"), "status 302"),
    "html": (_whole(200, "<html><body>Sorry</body></html>", "text/html"), "an HTML error page with status 200"),
    "stall": (_stall, "a pause of `value` in the middle"),
    "slow-first": (_slow_first, "everything `value` later"),
    "slow-drip": (_slow_drip, "the first event byte by byte, `value` apart"),
    "no-done": (_closing(lambda _answer, closing: closing[:-1]), "a stream without [DONE]"),
    "no-usage": (_closing(lambda _answer, closing: [closing[0], closing[-1]]), "a stream without usage"),
    "wrong-usage": (_closing(_wrong_usage), "usage that counts twice the tokens"),
    "role-first": (_events(_role_first), "a first event with a role and no content"),
    "empty-chunks": (_events(_empty), "an event without content before each event"),
    "comments": (_events(_comments), "a keep-alive comment before each event"),
    "reasoning-first": (_events(_reasoning), "the first half of the events is reasoning"),
    "tool-calls": (_events(_tools), "tool calls instead of text"),
    "merged": (_merged, "all events in one packet"),
    "split": (_split, "every event in three packets, `value` apart"),
    "multibyte": (_multibyte, "four-byte characters cut in two, `value` apart"),
    "crlf": (_crlf, "lines that end with CR LF"),
    "huge": (_events(_huge), "a first event of 10 MB"),
    "endless": (_endless, "a stream that does not end"),
    "long-body": (_length(-20), "20 bytes more than Content-Length says"),
    "short-body": (_length(20), "20 bytes fewer than Content-Length says"),
    "idle-close": (_idle_close, "closed `value` after the answer"),
    "bad-json": (_events(_bad_json), "a last event that is not JSON"),
    "gzip": (_gzip, "compressed although the client refused it"),
}


@dataclass(frozen=True)
class FaultRule:
    """Which requests a fault befalls. `numbers` counts requests from 0; both empty: all."""

    name: str
    value_ns: int = 50_000_000
    share: float | None = None
    numbers: tuple[int, ...] = ()

    def befalls(self, number: int, seed: int) -> bool:
        if self.numbers:
            return number in self.numbers
        return self.share is None or random.Random(f"fault {self.name} {seed} {number}").random() < self.share


def parse_rule(text: str) -> FaultRule:
    """`http-500@0.1`, `stall=200ms@3,7`, `html`. Raises ValueError that lists the names."""
    name_value, _, where = text.partition("@")
    name, _, value = name_value.partition("=")
    if name not in FAULTS:
        raise ValueError(unknown("fault", name, FAULTS))
    value_ns = round(parse_duration_s(value) * 1e9) if value else 50_000_000
    if not where:
        return FaultRule(name, value_ns)
    try:
        if "." in where:
            return FaultRule(name, value_ns, share=float(where))
        return FaultRule(name, value_ns, numbers=tuple(int(part) for part in where.split(",")))
    except ValueError as error:
        raise ValueError(f"got {where!r} behind @, expected a share such as 0.1 or numbers such as 3,7") from error
