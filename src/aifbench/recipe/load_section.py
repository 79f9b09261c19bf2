"""The `load:` keys of a workload → `model.load.Load`, and what contradicts itself in them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from aifbench.errors import AifbenchError
from aifbench.model.load import Load, Retries, Stop
from aifbench.model.options import Options
from aifbench.recipe.explain import Mistake, key_names, mistakes, shown
from aifbench.recipe.keys import DEFAULT_DURATION_S, DEFAULT_WARMUP_S, LONGEST_S, LoadKeys, RetryKeys, StopKeys
from aifbench.recipe.sweep import nested_lists
from aifbench.recipe.vocabulary import Vocabulary
from aifbench.registry import unknown

CLOSED = "closed"
LIST_IN_LIST = "got a list inside a list, expected one value"
_OWN_KEYS = frozenset(key_names(LoadKeys))
MAX_USERS = 1_000_000
MAX_OPERATIONS = 1_000_000_000
SEQUENCE = "sequence"
_PART_KEYS = ("arrival", "rate_per_s", "duration")
_CLOSED_KEYS = ("concurrency", "think_time", "think_distribution", "think_cv", "ramp_up")
_OPEN_KEYS = ("rate_per_s", "max_in_flight", "when_full")
_WARMUP_ALWAYS_FINE_S = 60.0
_WARMUP_TIMES_DURATION = 10
_NEEDS_RATE = "needs rate_per_s"


def with_defaults(user: Mapping[str, Any], default: Mapping[str, Any]) -> dict[str, Any]:
    """The workload's own default load below the user's keys; defaults that the user's keys contradict are left out."""
    left_out: set[str] = set()
    arrival = user.get("arrival")
    kinds = arrival if isinstance(arrival, list) else [arrival] if arrival is not None else []
    own_process = SEQUENCE in user or any(kind != CLOSED for kind in kinds)
    if own_process or any(key in user for key in _OPEN_KEYS):
        left_out |= {"arrival", *_CLOSED_KEYS}
    if own_process:
        left_out |= {"duration", "warmup", "operations"}  # they were meant for another process
    if any(key in user for key in _CLOSED_KEYS) or CLOSED in kinds:
        left_out |= {"arrival", *_OPEN_KEYS, *(key for key in default if key not in LoadKeys.model_fields)}
    if "operations" in user:
        left_out |= {"duration", "warmup"}
    if "duration" in user:
        left_out.add("operations")
    return {**{key: value for key, value in default.items() if key not in left_out}, **user}


def arrival_of(load: Mapping[str, Any]) -> str | None:
    """The arrival process of a load without lists; None when the keys do not say which."""
    if load.get("arrival") is not None:
        return str(load["arrival"])
    if SEQUENCE in load:
        return SEQUENCE
    if "rate_per_s" in load:
        return "poisson"
    return CLOSED if "concurrency" in load else None


def resolve(load: Mapping[str, Any], vocabulary: Vocabulary, folder: str = "") -> tuple[Load | None, list[Mistake]]:
    """The load of one point (its keys hold single values), or what is wrong with it.

    Relative paths in it count from `folder`.
    """
    own = {key: value for key, value in load.items() if key in _OWN_KEYS}
    further = {key: value for key, value in load.items() if key not in _OWN_KEYS}
    keys, found = _validated(LoadKeys, own)
    kind = arrival_of(load)
    shape: Options | None = None
    try:
        shape_keys = _shape_keys(kind, vocabulary)
    except AifbenchError as error:
        return None, [*found, Mistake(("arrival",), error.message, hint=error.hint)]
    if shape_keys is None:
        found += [Mistake((key,), unknown("key", key, _OWN_KEYS), at_key=True) for key in further]
    else:
        shape, wrong = _validated(shape_keys, further)
        found += wrong
    found += _contradictions(load, kind, needs_rate=kind is None or vocabulary.needs_rate(kind))
    if isinstance(keys, LoadKeys):
        found += _impossible(keys)
    if found or kind is None or shape is None or not isinstance(keys, LoadKeys):
        return None, found
    plain = shape.model_dump(mode="json", by_alias=True)
    if SEQUENCE in plain:
        parts, wrong = _parts(plain[SEQUENCE], vocabulary, folder)
        if wrong:
            return None, wrong
        plain = {"parts": parts}
    return _completed(_made(keys, kind, plain), load, vocabulary, folder)


def certain(load: Mapping[str, Any], vocabulary: Vocabulary) -> list[Mistake]:
    """What is wrong with the keys of a load that some unknown default would complete: nothing can be missing."""
    own = {key: value for key, value in load.items() if key in _OWN_KEYS}
    keys, found = _validated(LoadKeys, own)
    kind = arrival_of(load)
    if kind is not None and kind not in vocabulary.arrival_names:
        message = unknown("arrival process", kind, vocabulary.arrival_names)
        return [*found, Mistake(("arrival",), message)]
    kinds = [kind] if kind is not None else sorted(vocabulary.arrival_names)
    known = {*_OWN_KEYS, *(key for one in kinds for key in key_names(vocabulary.shape_keys(one)))}
    found += [Mistake((key,), unknown("key", key, known), at_key=True) for key in load if key not in known]
    if kind is not None:
        needs_rate = vocabulary.needs_rate(kind)
        clashes = _contradictions({"concurrency": 1, **load} if kind == CLOSED else load, kind, needs_rate=needs_rate)
        found += [one for one in clashes if not one.message.endswith(_NEEDS_RATE)]
    return [*found, *_impossible(keys)] if isinstance(keys, LoadKeys) else found


def _completed(
    made: Load, raw: Mapping[str, Any], vocabulary: Vocabulary, folder: str
) -> tuple[Load | None, list[Mistake]]:
    """What only the arrival process knows is filled in: its mean rate, its length, the hash of its file."""
    process = vocabulary.arrivals.load(made.arrival)
    if not hasattr(process, "resolved"):
        return made, []
    try:
        return process().resolved(made, frozenset(raw), folder), []
    except AifbenchError as error:
        key = str(getattr(error, "key", "arrival"))
        path = (key,) if key in raw else ("arrival",) if "arrival" in raw else ()
        return None, [Mistake(path, error.message, hint=error.hint)]


def _parts(
    raw: Sequence[Mapping[str, Any]], vocabulary: Vocabulary, folder: str
) -> tuple[list[dict[str, Any]], list[Mistake]]:
    """The parts of a sequence as data, each checked like a load of its own."""
    parts: list[dict[str, Any]] = []
    found: list[Mistake] = []
    for index, part in enumerate(raw):
        made, wrong = _part(part, vocabulary, folder)
        found += [Mistake((SEQUENCE, index, *one.path), one.message, one.at_key, one.hint) for one in wrong]
        if made is not None:
            shape = dict(made.shape)
            parts.append(
                {
                    "arrival": made.arrival,
                    "rate_per_s": made.rate_per_s,
                    "duration_s": made.duration_s,
                    "shape": shape,
                }
            )
    return parts, found


def _part(raw: Mapping[str, Any], vocabulary: Vocabulary, folder: str) -> tuple[Load | None, list[Mistake]]:
    outside = [key for key in raw if key in _OWN_KEYS and key not in _PART_KEYS]
    if outside:
        hint = f"a part says {', '.join(_PART_KEYS)} and its arrival process's own keys"
        message = "belongs to the whole load, not to one of its parts"
        return None, [Mistake((key,), f"{key} {message}", at_key=True, hint=hint) for key in outside]
    kind = arrival_of(raw)
    if kind in (CLOSED, SEQUENCE):
        return None, [Mistake(("arrival",), f"a part of a sequence cannot be {kind}: it has a schedule of its own")]
    return resolve({**raw, "warmup": 0.0}, vocabulary, folder)


def _validated(model: type[Options], raw: Mapping[str, Any]) -> tuple[Options | None, list[Mistake]]:
    nested = [Mistake(path, LIST_IN_LIST) for path in nested_lists(model, raw)]
    if nested:
        return None, nested
    try:
        return model.model_validate(raw), []
    except ValidationError as error:
        return None, mistakes(error, raw, model, _OWN_KEYS)


def _shape_keys(kind: str | None, vocabulary: Vocabulary) -> type[Options] | None:
    if kind is None:
        return None
    if kind not in vocabulary.arrival_names:
        raise AifbenchError(unknown("arrival process", kind, vocabulary.arrival_names))
    return vocabulary.shape_keys(kind)


def _made(keys: LoadKeys, kind: str, shape: Mapping[str, Any]) -> Load:
    plain = dict(keys)
    counted = plain["operations"] is not None
    concurrency = plain["concurrency"]
    fixed = isinstance(plain["workers"], int)
    workers = plain["workers"] if fixed else 1
    return Load(
        arrival=kind,
        duration_s=_or(plain["duration"], _time_for(plain) if counted else DEFAULT_DURATION_S),
        warmup_s=_or(plain["warmup"], 0.0 if counted else DEFAULT_WARMUP_S),
        rate_per_s=plain["rate_per_s"],
        concurrency=concurrency,
        think_time_s=_or(plain["think_time"], 0.0),
        operations=plain["operations"],
        max_in_flight=plain["max_in_flight"],
        when_full=_or(plain["when_full"], "queue"),
        timeout_s=_or(plain["timeout"], 60.0),
        drain_s=_or(plain["drain"], 30.0),
        workers=workers if concurrency is None else min(workers, concurrency),
        shape=shape,
        cooldown_s=_or(plain["cooldown"], 0.0),
        think_distribution=_or(plain["think_distribution"], "constant"),
        think_cv=_or(plain["think_cv"], 1.0),
        ramp_up_s=_or(plain["ramp_up"], 0.0),
        stop=_stop(keys.stop),
        retries=_retries(keys.retries),
        timestamps=_or(plain["timestamps"], "auto"),
        workers_fixed=fixed,
    )


def _stop(keys: StopKeys | None) -> Stop:
    return Stop() if keys is None else Stop(keys.error_rate, keys.after, keys.overload)


def _retries(keys: RetryKeys | None) -> Retries | None:
    return None if keys is None else Retries(keys.attempts, tuple(dict.fromkeys(keys.on)), keys.backoff)


def _time_for(plain: Mapping[str, Any]) -> float:
    """Seconds after which a load that counts operations ends anyway.

    In an open loop the schedule must be long enough to hold them all: the count's mean time plus ten standard
    deviations of a Poisson process. In a closed loop nobody knows, so it is one hour.
    """
    count, rate = plain["operations"], plain["rate_per_s"]
    return LONGEST_S if rate is None else float((count + 10 * math.sqrt(count) + 10) / rate)


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value


def _contradictions(load: Mapping[str, Any], kind: str | None, *, needs_rate: bool) -> Iterator[Mistake]:
    if "arrival" not in load and "rate_per_s" in load and "concurrency" in load:
        yield Mistake(
            ("concurrency",),
            "concurrency (closed loop) and rate_per_s (open loop) contradict each other",
            at_key=True,
            hint="keep one of them; max_in_flight bounds the operations under way of an open loop",
        )
    elif kind is None:
        message = "got neither rate_per_s (open loop) nor concurrency (closed loop), expected one of them"
        yield Mistake((), message, hint="such as load: {rate_per_s: 10, duration: 30s} or load: {concurrency: 4}")
    elif kind == CLOSED:
        if "concurrency" not in load:
            yield Mistake(("arrival",), "a closed loop needs concurrency: how many users there are", at_key=True)
        if isinstance(load.get("stop"), Mapping) and load["stop"].get("overload"):
            message = "a closed loop cannot be overloaded: its users wait for their answers"
            yield Mistake(("stop", "overload"), message, at_key=True, hint="leave stop.overload out")
        for key in _OPEN_KEYS:
            if key in load:
                hint = "leave it out, or leave out concurrency and take an arrival such as poisson"
                yield Mistake(
                    (key,), f"{key} belongs to an open loop, but the arrival is closed", at_key=True, hint=hint
                )
    else:
        if needs_rate and "rate_per_s" not in load:
            hint = "such as rate_per_s: 10"
            yield Mistake(("arrival",), f"the arrival process {kind} {_NEEDS_RATE}", at_key=True, hint=hint)
        if not needs_rate and "rate_per_s" in load:
            message = f"the arrival process {kind} has rates of its own"
            yield Mistake(("rate_per_s",), message, at_key=True, hint="leave rate_per_s out")
        for key in _CLOSED_KEYS:
            if key in load:
                message = f"{key} belongs to a closed loop, but the arrival is {kind}"
                hint = "leave it out; max_in_flight bounds the operations under way"
                yield Mistake((key,), message, at_key=True, hint=hint)


def _impossible(keys: LoadKeys) -> Iterator[Mistake]:
    plain = dict(keys)
    counted = plain["operations"] is not None
    duration = _or(plain["duration"], LONGEST_S if counted else DEFAULT_DURATION_S)
    warmup = _or(plain["warmup"], 0.0 if counted else DEFAULT_WARMUP_S)
    if duration == 0:
        yield Mistake(("duration",), "got 0, expected a duration above 0: nothing would be measured")
        return
    if warmup > max(_WARMUP_ALWAYS_FINE_S, _WARMUP_TIMES_DURATION * duration):
        message = f"the warm-up of {warmup:g} s is more than ten times the measured {duration:g} s"
        yield Mistake(("warmup",), message, hint="shorten the warm-up, or lengthen the duration")
    if (plain["ramp_up"] or 0.0) >= warmup + duration:
        message = f"users start within {plain['ramp_up']:g} s, but the load takes only {warmup + duration:g} s"
        yield Mistake(("ramp_up",), message, hint="shorten ramp_up, or lengthen the warm-up")
    if plain["think_distribution"] not in (None, "constant") and not plain["think_time"]:
        yield Mistake(("think_distribution",), "needs a think_time above 0", hint="such as think_time: 1s")
    if plain["think_cv"] is not None and plain["think_distribution"] != "lognormal":
        hint = "only `think_distribution: lognormal` has a chosen variation"
        yield Mistake(("think_cv",), "belongs to a lognormal think time", at_key=True, hint=hint)
    for name in ("concurrency", "max_in_flight"):
        if (value := plain[name]) is not None and value > MAX_USERS:
            yield Mistake((name,), f"got {shown(value)}, expected at most {MAX_USERS:,}")
    if plain["operations"] is not None and plain["operations"] > MAX_OPERATIONS:
        yield Mistake(("operations",), f"got {plain['operations']:,}, expected at most {MAX_OPERATIONS:,}")
    rate = plain["rate_per_s"]
    if rate is not None and not counted:
        operations = rate * (duration + warmup)
        if rate * duration < 1:
            message = f"{rate:g} per second for {duration:g} s is less than one operation"
            yield Mistake(("rate_per_s",), message, hint="raise the rate or the duration")
        if operations > MAX_OPERATIONS:
            message = f"{rate:g} per second for {duration + warmup:g} s is {operations:,.0f} operations in one trial"
            yield Mistake(("rate_per_s",), message, hint=f"at most {MAX_OPERATIONS:,} can be kept")
