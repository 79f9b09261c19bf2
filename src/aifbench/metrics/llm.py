"""Inference: time to first token, time per output token, gaps, tokens per second.

Columns read beside the common ones: `event_ns` (list, monotonic stamp of each content event), `event_tokens` (list,
tokens of each event, null where the server does not say), `output_tokens`, `output_tokens_source` (holds the word
`estimated` where only events were counted), `input_tokens`, `answer_ns` (first content event that is not reasoning).
A content event is a stream message with generated payload; role-only, empty and usage-only messages are not in the
list. Without a list (an answer in one piece) nothing can be said about times of tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aifbench.metrics.columns import MISSING, NS_PER_S, Floats, Lists, Mask, Operations, Stamps
from aifbench.metrics.declare import spread as declared_spread
from aifbench.metrics.family import Family
from aifbench.metrics.rates import inside, per_second, share
from aifbench.metrics.series import binned, bins
from aifbench.metrics.spread import Values, durations, numbers, of_successes
from aifbench.metrics.stamping import merged_finding, merged_share
from aifbench.metrics.validity import by_limits
from aifbench.metrics.view import View
from aifbench.metrics.window import Window
from aifbench.model.result import Finding, Metric

NOT_STREAMED = "no content events: the answers were not streamed, or were empty"
NO_TOKENS_PER_EVENT = "the server does not say how many tokens each event carries"
TPOT_UNDEFINED = "undefined: no answer had a token after its first event"


class Events:
    """Content events of successful requests, flat; `rows` tells the request of each, `tokens` NaN where unknown."""

    def __init__(self, operations: Operations) -> None:
        lists = operations.lists("event_ns")
        count = operations.count
        if lists is None:
            lists = Lists(np.zeros(count + 1, np.int64), np.empty(0, np.int64))
        keep = operations.ok[lists.rows]
        self.stamps: Stamps = lists.values[keep].astype(np.int64)
        self.rows = lists.rows[keep]
        self.per_row = np.bincount(self.rows, minlength=count)
        first_of_row = np.concatenate(([0], np.cumsum(self.per_row)[:-1])) if count else np.zeros(0, np.int64)
        self.has = self.per_row > 0
        self.first_index = first_of_row[self.has].astype(np.int64)
        self.last_index = self.first_index + self.per_row[self.has] - 1
        self.output_tokens = operations.floats("output_tokens")
        self.estimated = estimated(operations)
        self.tokens = self._tokens(operations.lists("event_tokens"), lists, keep)

    def _tokens(self, told: Lists | None, lists: Lists, keep: Mask) -> Floats:
        """Tokens of each event: as told; or 1 each where a request has exactly as many events as tokens.

        (Every content event carries at least one token, so equal counts leave no other way to share them out.)
        """
        tokens = np.full(len(lists.values), np.nan)
        if told is not None:
            same = np.repeat(told.lengths == lists.lengths, lists.lengths)
            from_told = np.repeat(told.lengths == lists.lengths, told.lengths)
            tokens[same] = told.values[from_told].astype(np.float64)
        tokens = tokens[keep]
        one_each = ((self.output_tokens == self.per_row) & ~self.estimated)[self.rows] & np.isnan(tokens)
        tokens[one_each] = 1.0
        return tokens

    def per_request(self, index: Stamps) -> Stamps:
        """Stamps of the chosen event of each request, per row, `MISSING` where it has none."""
        column = np.full(len(self.per_row), MISSING, np.int64)
        column[self.has] = self.stamps[index]
        return column

    @property
    def first(self) -> Stamps:
        return self.per_request(self.first_index)

    @property
    def last(self) -> Stamps:
        return self.per_request(self.last_index)

    @property
    def first_tokens(self) -> Floats:
        """Tokens of each request's first event; 1 where the server does not say."""
        column = np.full(len(self.per_row), np.nan)
        told = self.tokens[self.first_index]
        column[self.has] = np.where(np.isnan(told), 1.0, told)
        return column

    @property
    def shared_tokens(self) -> Floats:
        """Tokens of each event, for adding up: where unknown, the request's tokens in equal shares."""
        with np.errstate(divide="ignore", invalid="ignore"):
            equal = (self.output_tokens / self.per_row)[self.rows]
        return np.where(np.isnan(self.tokens), equal, self.tokens)


class Llm(Family):
    def values(self, view: View) -> Sequence[Values]:
        operations = view.operations
        events = Events(operations)
        first, last = events.first, events.last
        user = operations.between(operations.intended, first)
        service = operations.between(operations.start, first)
        answer = of_successes(operations, operations.integers("answer_ns"))
        no_answer = "no stamp of the first event that is not reasoning"
        return [
            durations("ttft", service if view.load.closed else user, NOT_STREAMED),
            durations("ttft_user", user, NOT_STREAMED),
            durations("ttft_service", service, NOT_STREAMED),
            durations("ttfa", operations.between(operations.start, answer), no_answer),
            durations("e2e", self._e2e(operations, last), NOT_STREAMED),
            self._tpot(events, first, last),
            *self._gaps(events),
            numbers("input_tokens", self._tokens(operations, "input_tokens"), "no count of prompt tokens"),
            numbers("output_tokens", self._tokens(operations, "output_tokens"), "no count of output tokens"),
        ]

    def _e2e(self, operations: Operations, last: Stamps) -> Stamps:
        """An answer in one piece arrives as a whole at its end."""
        whole = of_successes(operations, operations.end)
        return operations.between(operations.start, np.where(last == MISSING, whole, last))

    def _tpot(self, events: Events, first: Stamps, last: Stamps) -> Values:
        with np.errstate(invalid="ignore"):
            denominator = events.output_tokens - events.first_tokens
            defined = (first != MISSING) & (denominator >= 1)
        rows = np.flatnonzero(defined)
        values = (last[rows] - first[rows]) / denominator[rows]
        reason = NOT_STREAMED if not events.has.any() else TPOT_UNDEFINED
        return Values(declared_spread("tpot"), values, rows, NS_PER_S, reason)

    def _gaps(self, events: Events) -> list[Values]:
        same = np.diff(events.rows) == 0
        gaps = np.diff(events.stamps)[same]
        rows = events.rows[1:][same]
        tokens = events.tokens[1:][same]
        with np.errstate(invalid="ignore"):
            known = tokens >= 1
        few = NOT_STREAMED if not events.has.any() else "no answer had a second content event"
        unknown = few if len(gaps) == 0 else NO_TOKENS_PER_EVENT
        return [
            Values(declared_spread("icl"), gaps, rows, NS_PER_S, few),
            Values(declared_spread("itl"), gaps[known] / tokens[known], rows[known], NS_PER_S, unknown),
        ]

    def _tokens(self, operations: Operations, name: str) -> Floats:
        return np.where(operations.ok, operations.floats(name), np.nan)

    def numbers(self, view: View, metrics: Mapping[str, Metric]) -> Sequence[Metric]:
        operations = view.operations
        stamps, tokens = token_stamps(operations)
        counted = operations.ok & ~np.isnan(operations.floats("output_tokens"))
        if operations.ok.any() and not counted.any():
            reason = "no count of output tokens"
            return [
                Metric("output_throughput", "tokens/s", None, reason=reason),
                Metric("total_throughput", "tokens/s", None, reason=reason),
                Metric("merged_events_share", "share", None, reason=reason),
                Metric("estimated_tokens_share", "share", None, reason=reason),
            ]
        chosen = view.window.holds(stamps) if isinstance(view.window, Window) else np.zeros(len(stamps), np.bool_)
        produced = float(tokens[chosen].sum())
        output = per_second(view, "output_throughput", produced, int(chosen.sum()), "tokens/s")
        steady = operations.steady & operations.ok
        guessed = int((steady & estimated(operations)).sum())
        events = Events(operations)
        chosen_events = operations.steady[events.rows]
        return [
            output,
            self._total(view, produced),
            merged_share(events.stamps[chosen_events], events.rows[chosen_events]),
            share("estimated_tokens_share", guessed, int(steady.sum()), "no request succeeded in the steady phase"),
        ]

    def _total(self, view: View, produced: float) -> Metric:
        operations = view.operations
        prompts = operations.floats("input_tokens")
        first = Events(operations).first
        prompted = np.where(first == MISSING, operations.end, first)
        chosen = inside(view, prompted, operations.ok)
        if np.isnan(prompts[chosen]).any():
            return Metric("total_throughput", "tokens/s", None, reason="some requests have no count of prompt tokens")
        return per_second(
            view, "total_throughput", produced + float(prompts[chosen].sum()), int(chosen.sum()), "tokens/s"
        )

    def series(self, view: View) -> Mapping[str, Any]:
        stamps, tokens = token_stamps(view.operations)
        layout = bins(view)
        return {
            "tokens_over_time": {
                "bin_s": layout.width_ns / NS_PER_S,
                "t_s": layout.starts_s,
                "tokens": binned(layout, stamps, tokens).tolist(),
            }
        }

    def findings(self, view: View) -> Sequence[Finding]:
        operations = view.operations
        ok = operations.ok & operations.steady
        if not ok.any():
            return ()
        seen = int((ok & estimated(operations)).sum()) / int(ok.sum())
        events = Events(operations)
        chosen = operations.steady[events.rows]
        reads = merged_finding(events.stamps[chosen], events.rows[chosen])
        text = "{seen} of the requests have an estimated count of output tokens"
        return [by_limits("token-source", seen, text), *([] if reads is None else [reads])]


def estimated(operations: Operations) -> Mask:
    """Requests whose output tokens are only the count of their events."""
    sources = operations.words("output_tokens_source")
    return sources.among(*(name for name in sources.names if "estimated" in name))


def token_stamps(operations: Operations) -> tuple[Stamps, Floats]:
    """When output tokens of successful requests came, and how many: per event; whole answers at their end."""
    events = Events(operations)
    whole = operations.ok & ~events.has & ~np.isnan(events.output_tokens)
    known = ~np.isnan(events.shared_tokens)
    stamps = np.concatenate((events.stamps[known], operations.end[whole]))
    return stamps, np.concatenate((events.shared_tokens[known], events.output_tokens[whole]))
