"""The keys of a recipe and of a site file that belong to no service, workload or arrival process."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from aifbench.model.load import ThinkDistribution, Timestamps
from aifbench.model.options import Count, Duration, Number, Options, Rate, Share, Sweep, Whole

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=60, description="letters, digits, - and _")]
Trials = Annotated[Count, Field(le=1000)]
Matrix = dict[str, Annotated[list[Any], Field(min_length=1, max_length=10_000)]]

DEFAULT_DURATION_S = 30.0
DEFAULT_WARMUP_S = 5.0
LONGEST_S = 3600.0
"""How long a load point with `operations` and without `duration` may take."""


class RecipeKeys(Options):
    name: Name = Field("", validate_default=False, description="Names the run. The file's name when it is left out.")
    description: str = Field("", description="Free text; shown in the report.")
    site: str = Field("local", description="Where to run: `local`, or the path of a site file.")
    seed: Whole = Field(1, description="Everything random is derived from it.")
    trials: Trials = Field(3, description="How often every load point is repeated.")
    labels: dict[str, str] = Field({}, description="Free words to find and group runs by.")
    include: str | list[str] | None = Field(
        None, description="Other files, from this file's folder; their keys count, and this file's win."
    )
    services: dict[Name, dict[str, Any]] = Field({}, description="The programs to start, by a name of your choice.")
    workloads: dict[Name, dict[str, Any]] = Field(
        min_length=1, description="What is asked of the services, by a name of your choice."
    )
    matrix: Matrix = Field(
        {},
        description="Variants of the whole recipe: a dotted path from `services` or `workloads` → its values.",
    )


class ServiceKeys(Options):
    uses: str = Field(description="The kind of service: a name that `aifbench service list` shows.")
    ready_timeout: Duration = Field(120.0, gt=0, description="How long it may take to get ready.")


class WorkloadKeys(Options):
    uses: str = Field(description="The kind of workload: a name that `aifbench workload list` shows.")
    target: str | Annotated[list[str], Field(min_length=1)] | dict[str, Any] | None = Field(
        None,
        description="A service of this recipe; a list of them to compare; or `{url: …, protocol: …}` of one that runs.",
    )
    load: dict[str, Any] = Field({}, description="How operations are offered; see below.")
    slo: list[str] = Field([], description="What must hold, such as `ttft_p99 < 500ms`.")
    trials: Trials | None = Field(None, description="How often; the recipe's `trials` when it is left out.")
    matrix: Matrix = Field({}, description="Variants: a dotted path inside this workload → the values it takes.")


class StopKeys(Options):
    error_rate: Annotated[Share, Field(gt=0)] | None = Field(
        None, description="End the load when more than this share of all operations so far failed."
    )
    after: Count = Field(50, description="… but not before so many operations have ended.")
    overload: bool = Field(
        default=False,
        description="End the load when operations in flight grow through the measured part: the target cannot keep up.",
    )


class RetryKeys(Options):
    attempts: Annotated[Count, Field(le=100)] = Field(1, description="How often one failed operation is done again.")
    on: Annotated[list[str], Field(min_length=1)] = Field(
        description="Error kinds, such as `reset`, `refused`, `http-503`, `timeout`."
    )
    backoff: Duration = Field(
        0.0, description="From the end of the failed operation to the intended start of the next."
    )


class LoadKeys(Options):
    arrival: Sweep[str] | None = Field(
        None, description="The arrival process. `poisson` when a rate is given, `closed` when a concurrency is given."
    )
    rate_per_s: Sweep[Rate] | None = Field(None, description="Operations offered per second (open loop).")
    concurrency: Sweep[Count] | None = Field(
        None, description="Users, each with one operation at a time (closed loop)."
    )
    think_time: Sweep[Duration] | None = Field(
        None, description="Mean pause of a user between operations (closed loop). None."
    )
    think_distribution: Sweep[ThinkDistribution] | None = Field(
        None, description="How pauses vary around their mean: not at all (`constant`), or drawn for each (closed loop)."
    )
    think_cv: Annotated[Number, Field(gt=0, le=30)] | None = Field(
        None, description="Standard deviation ÷ mean of a `lognormal` think time. 1."
    )
    ramp_up: Sweep[Duration] | None = Field(
        None, description="The users start one after the other within this time (closed loop). At once."
    )
    duration: Sweep[Duration] | None = Field(
        None, description="Length of the measured load, after the warm-up. 30 s unless `operations` is given."
    )
    warmup: Sweep[Duration] | None = Field(
        None, description="Load before the measured part. 5 s; nothing when `operations` is given."
    )
    cooldown: Sweep[Duration] | None = Field(
        None, description="Load after the measured part, cut from every number but still offered. None."
    )
    operations: Sweep[Count] | None = Field(
        None, description="Ends the load when so many operations have started (or after `duration`, or one hour)."
    )
    max_in_flight: Sweep[Count] | None = Field(None, description="Most operations under way at once (open loop).")
    when_full: Sweep[Literal["queue", "drop"]] | None = Field(
        None, description="What becomes of an operation that finds no free slot: it waits (`queue`) or is dropped."
    )
    timeout: Duration | None = Field(None, gt=0, description="Bound of one operation, from its start. 60 s.")
    drain: Duration | None = Field(None, description="How long operations under way may take after the load. 30 s.")
    stop: StopKeys | None = Field(None, description="What ends the load before its time.")
    retries: RetryKeys | None = Field(
        None, description="Failed operations that are done again, each as an operation of its own."
    )
    workers: Sweep[Literal["auto"] | Annotated[Count, Field(le=4096)]] | None = Field(
        None,
        description="Load-generating processes. `auto`: 1, and more for the following trials when one shows that the "
        "generator was the limit and cores are free. A number is never changed.",
    )
    timestamps: Sweep[Timestamps] | None = Field(
        None, description="Who stamps what was received: the `kernel` (`auto`: where it can), or the `user` process."
    )


class SiteKeys(Options):
    name: Name = Field("", validate_default=False, description="Names the site. The file's name when it is left out.")
    executor: str = Field(
        "local", description="What starts processes there: a name that `aifbench executor list` shows."
    )
    options: dict[str, Any] = Field({}, description="The executor's own keys. `local` has none.")
    env: list[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]] = Field(
        [], description="Names of environment variables that processes may see beside the usual few."
    )
    runs: str = Field("", description="Folder for runs; `--runs` and AIFBENCH_RUNS go before it.")
    cpus: list[Whole] = Field([], description="The CPU numbers that may be used. All when it is left out.")
