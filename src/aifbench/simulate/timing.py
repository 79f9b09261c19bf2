"""When each event of each answer is due: a pure function of the seed and the request's number."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Literal

Kind = Literal["constant", "normal", "lognormal", "trace"]


@dataclass(frozen=True)
class Delay:
    """A distribution of delays in seconds.

    `spread` is the standard deviation (normal) or sigma of the logarithm (lognormal, whose median is `middle_s`);
    `trace` lists delays that are used in turn.
    """

    kind: Kind
    middle_s: float = 0.0
    spread: float = 0.0
    trace: tuple[float, ...] = ()

    def draw_ns(self, source: random.Random, number: int) -> int:
        """One delay in nanoseconds, never negative."""
        if self.kind == "constant":
            seconds = self.middle_s
        elif self.kind == "normal":
            seconds = source.gauss(self.middle_s, self.spread)
        elif self.kind == "lognormal":
            seconds = self.middle_s * math.exp(source.gauss(0.0, self.spread))
        else:
            seconds = self.trace[number % len(self.trace)]
        return max(0, round(seconds * 1e9))


def parse_delay(text: str) -> Delay:
    """`100ms`, `normal:100ms,10ms`, `lognormal:100ms,0.5`, `trace:10ms,20ms,30ms`. Raises ValueError."""
    from aifbench.units import parse_duration_s

    kind, colon, rest = text.partition(":")
    if not colon:
        return Delay("constant", parse_duration_s(text))
    parts = [part.strip() for part in rest.split(",")]
    if kind == "constant" and len(parts) == 1:
        return Delay("constant", parse_duration_s(parts[0]))
    if kind == "normal" and len(parts) == 2:
        return Delay("normal", parse_duration_s(parts[0]), parse_duration_s(parts[1]))
    if kind == "lognormal" and len(parts) == 2:
        return Delay("lognormal", parse_duration_s(parts[0]), float(parts[1]))
    if kind == "trace" and parts[0]:
        return Delay("trace", trace=tuple(parse_duration_s(part) for part in parts))
    raise ValueError(f"got delay {text!r}, expected 100ms, normal:100ms,10ms, lognormal:100ms,0.5 or trace:10ms,20ms")


@dataclass(frozen=True)
class Timing:
    """`first` is the time to the first event, `gap` the time between events, `service` of answers in one piece."""

    first: Delay
    gap: Delay
    seed: int = 1

    def due_ns(self, request: int, events: int) -> list[int]:
        """Nanoseconds after the service of request number `request` began at which each event is due."""
        if self.first.kind == "constant" and self.gap.kind == "constant":
            first, gap = round(self.first.middle_s * 1e9), round(self.gap.middle_s * 1e9)
            return [first + index * gap for index in range(events)]
        source = random.Random(f"{self.seed} {request}")
        at = self.first.draw_ns(source, request)
        due = [at]
        for index in range(1, events):
            at += self.gap.draw_ns(source, index)
            due.append(at)
        return due[:events]
