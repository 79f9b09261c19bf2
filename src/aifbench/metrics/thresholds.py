"""Every limit of the validity checks in one table, each with its reason: to change a verdict, change a line here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Threshold:
    """Above `degraded` a load point is DEGRADED, above `invalid` INVALID; None: never by this check alone.

    `unit` says how the seen value is written: `share`, `s`, or a plain number.
    """

    degraded: float | None
    invalid: float | None
    unit: str
    reason: str
    hint: str = ""


TAIL = 0.025
"""What may lie outside of a two-sided 95 % interval on each side."""

LATE_NS = 1_000_000
"""From 1 ms on a start counts as late: ten times what a timer needs on an idle core."""

FEWEST_LATE = 5
"""With fewer late starts their share must lie above the limit by the lower end of its binomial 95 % interval too: two
of thirty are 7 %, but as likely come of a true share below 1 %."""

LATE_SHARE_MATERIAL = 0.05
"""Waiting in the generator that is under this share of the median response time does not change the numbers."""

SWITCH_S = 0.0001
"""What a thread may wait for a core each time it gets one: waking an idle core of a virtual machine takes this long."""

OF_GENERATOR = frozenset(
    {"arrival-gaps", "generator-ceiling", "late-begin", "late-with-free-slot", "loop-lag", "run-delay", "worker-cpu"}
)
"""Checks that say that the generator was the limit, not the target."""

THRESHOLDS: Mapping[str, Threshold] = {
    "conservation": Threshold(
        None, 0, "", "an operation that is not accounted for could be any of the slow or failed ones",
        "this is a defect of the load generator; please report it with the control/ folder of the trial",
    ),
    "rows": Threshold(
        None, 0, "", "samples that do not match the worker's own counts are incomplete",
        "look for a full disk or a killed worker in the trial's control/ folder",
    ),
    "workers": Threshold(
        None, 0, "", "the load of a missing worker was not offered",
        "see the worker's err file in the trial's control/ folder",
    ),
    "samples-read": Threshold(None, 0, "", "operations in a file that cannot be read are missing from every number"),
    "no-window": Threshold(
        0, None, "", "without a time in which all workers were busy there is no rate",
        "raise load.duration, or lower load.workers",
    ),
    "offered-rate": Threshold(
        0.02, 0.10, "share", "fewer operations were scheduled than the declared rate asks for (beyond its own chance)",
        "raise load.workers, or lower load.rate_per_s",
    ),
    "achieved-rate": Threshold(
        0.05, None, "share", "the target did not keep up: latencies grow with the length of the run",
        "the point lies beyond saturation; lower load.rate_per_s for a steady state",
    ),
    "arrival-gaps": Threshold(
        0.10, 0.50, "", "the gaps between starts do not follow the declared arrival process",
        "raise load.workers, lower the rate, or raise load.max_in_flight",
    ),
    "schedule-lag": Threshold(
        0.10, None, "share", "starts came late by a part of the response time that matters",
        "raise load.max_in_flight or load.workers",
    ),
    "late-with-free-slot": Threshold(
        0.01, 0.10, "share", "starts were late although a slot was free: the generator was the limit, not the target",
        "raise load.workers, give the generator cores of its own, or lower the rate",
    ),
    "loop-lag": Threshold(
        0.005, None, "s", "the generator woke up late, which adds to every latency it measures",
        "give the generator cores of its own, or lower the rate",
    ),
    "run-delay": Threshold(
        0.01, 0.10, "share",
        "what arrived in this share of the time waited until the generator got a core: above 1 % p99 is made of such "
        "waits, above 10 % p90 too",
        "give the generator cores of its own, and end what else runs on them",
    ),
    "late-begin": Threshold(
        0.01, 0.10, "share", "this share of the measured time had passed before the generator began",
        "give the generator cores of its own, and end what else runs on them",
    ),
    "worker-cpu": Threshold(
        0.80, None, "share", "a worker near one full core measures itself: rates are lower bounds of the target's",
        "raise load.workers",
    ),
    "generator-ceiling": Threshold(
        0.75, None, "share",
        "near its own ceiling the generator adds delays of its own; above three quarters of a core queues form in it",
        "raise load.workers where cores are free, or lower the rate",
    ),
    "littles-law": Threshold(
        0.10, None, "share", "mean in flight must equal rate × mean service time, unless the state is not steady",
        "raise load.warmup and load.duration",
    ),
    "concurrency": Threshold(
        0, None, "", "more operations in flight than users means wrong stamps or a wrong user count",
    ),
    "errors": Threshold(
        0.01, 0.50, "share", "latencies of successes say little where many operations fail",
        "the report's table of errors by kind has an example of each",
    ),
    "dropped": Threshold(
        0.01, None, "share", "dropped operations have no latency, so the tail looks better than users saw it",
        "raise load.max_in_flight, or lower the rate",
    ),
    "few-samples": Threshold(
        None, None, "", "below 6 successes not even the median has an interval", "raise load.duration or the rate"
    ),
    "drift-latency": Threshold(
        0.25, None, "share", "the median response time changed from the first to the last third of the steady phase",
        "raise load.warmup, or lower the rate",
    ),
    "drift-in-flight": Threshold(
        0.50, None, "share", "operations in flight changed from the first to the last third of the window",
        "raise load.warmup, or lower the rate: the target may be saturated",
    ),
    "trial-spread": Threshold(
        0.50, None, "share",
        "trials repeat one setting; where they differ by more than half, and by more than chance, something else "
        "changed between them, and their median depends on which of them were done",
        "look at the trials' own numbers: a first trial that differs wants a longer load.warmup, others a quieter "
        "machine or more trials",
    ),
    "stopped-early": Threshold(0, None, "", "the load ended before its planned end"),
    "overload": Threshold(
        0, None, "", "the target works off less than is offered, so latencies only say how long the load went on",
        "lower load.rate_per_s; the throughput of this point is what the target can do",
    ),
    "too-many-errors": Threshold(
        0, None, "", "the load was ended by stop.error_rate before its planned end",
        "the report's table of errors by kind has an example of each",
    ),
    "read-delay": Threshold(
        0.01, None, "s",
        "what had arrived lay so long unread at p99: the kernel's stamps keep it out of the latencies, but users of a "
        "closed loop ask later by it, and several events end up in one read",
        "raise load.workers, or give the generator cores of its own",
    ),
    "merged-reads": Threshold(
        0.05, None, "share",
        "of events that came in one read only the last one's time is known, so above p95 gaps are made by reads; "
        "either the server sends several at once, or the generator read late (see read_delay)",
        "where read_delay is high: raise load.workers",
    ),
    "clock-step": Threshold(
        0, None, "",
        "stamps of the kernel follow the wall clock; those around a step were replaced by those of the reads",
        "have the clock slewed, not stepped, during runs, or use load.timestamps: user",
    ),
    "descriptors": Threshold(
        0.90, None, "share", "a worker that runs out of file descriptors cannot connect any more",
        "raise the limit, ulimit -n, or load.workers: each worker has a limit of its own",
    ),
    "ports": Threshold(
        0.80, None, "share",
        "a closed connection's port is taken for 60 s; near the end of the range connecting takes longer, then fails",
        "have the server keep connections alive, lower the rate, or widen net.ipv4.ip_local_port_range",
    ),
    "token-source": Threshold(
        0.0, None, "share", "a count of events is not a count of tokens", "use a server that reports usage"
    ),
    "content": Threshold(None, 0, "", "the target returned wrong content"),
    "invariant": Threshold(None, 0, "", "the data in the target is wrong after the load"),
}  # fmt: skip
