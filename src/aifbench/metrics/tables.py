"""The literal tables of metrics: what each one is, in which unit, which direction is good, and who defined it so.

A `Spread` row declares a whole distribution: `response_time` stands for `response_time_mean`, `response_time_p50`, ….
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aifbench.model.result import Declaration

Better = Literal["higher", "lower", "neither"]

STATISTICS = ("mean", "min", "max", "p50", "p90", "p95", "p99", "p99.9")
LOW_TAIL = ("mean", "min", "p50", "p10", "p1")


@dataclass(frozen=True)
class Spread:
    """A distribution over operations. `per_operation`: each operation has one value, so an SLO can judge it alone."""

    name: str
    unit: str
    better: Better
    definition: str
    source: str
    statistics: tuple[str, ...] = STATISTICS
    per_operation: bool = False


_TENE = "Tene, How NOT to Measure Latency (2013): coordinated omission"
_MLPERF = "MLPerf Inference rules, metrics of the LLM benchmarks"
_VLLM = "vLLM benchmark_serving; the same raw columns give its variant"
_LITTLE = "Little, A Proof for the Queuing Formula L = λW (1961)"
_GOODPUT = "Zhong et al., DistServe (OSDI 2024): goodput"
_ANN = "Aumüller et al., ANN-Benchmarks (2018)"
_PGBENCH = "PostgreSQL documentation, pgbench"
_IOR = "IOR user guide"
_COSBENCH = "Zheng et al., COSBench (ICPE 2013)"
_HYPERFINE = "own: wall time of one execution"
_WINDOW = "own: common window, from the last worker's first completion after warm-up to the first worker's last start"
_OWN = "own"
_MERGED = "events that one read brought together with a later one of their answer ÷ events: their own time is not known"

SPREADS: dict[str, tuple[Spread, ...]] = {
    "common": (
        Spread(
            "response_time", "s", "lower", "end − intended start, of successful operations", _TENE, per_operation=True
        ),
        Spread("service_time", "s", "lower", "end − actual start, of successful operations", _TENE, per_operation=True),
        Spread("schedule_lag", "s", "lower", "actual start − intended start, of all started operations", _TENE),
        Spread("connect_time", "s", "lower", "time to open one connection, outside the measured window", _OWN),
    ),
    "llm": (
        Spread(
            "ttft",
            "s",
            "lower",
            "time to first token: first content event − intended start in open loop, − actual start in closed loop",
            _MLPERF,
            per_operation=True,
        ),
        Spread("ttft_user", "s", "lower", "first content event − intended start", _MLPERF, per_operation=True),
        Spread("ttft_service", "s", "lower", "first content event − actual start", _MLPERF, per_operation=True),
        Spread(
            "ttfa", "s", "lower", "first content event that is not reasoning − actual start", _OWN, per_operation=True
        ),
        Spread("e2e", "s", "lower", "last content event − actual start", _MLPERF, per_operation=True),
        Spread(
            "tpot",
            "s",
            "lower",
            "time per output token: (last − first content event) / (output tokens − tokens of the first event); "
            "undefined where the denominator is below 1",
            _MLPERF,
            per_operation=True,
        ),
        Spread("icl", "s", "lower", "inter-chunk latency: raw gaps between content events", _OWN),
        Spread(
            "itl", "s", "lower", "inter-token latency: gap between content events ÷ tokens of the later event", _VLLM
        ),
        Spread("input_tokens", "tokens", "neither", "prompt tokens of successful requests", _OWN),
        Spread("output_tokens", "tokens", "neither", "generated tokens of successful requests", _OWN),
    ),
    "vector": (
        Spread(
            "recall",
            "share",
            "higher",
            "tie-aware recall@k: unique returned ids whose recomputed distance ≤ d_k(1+1e-6)+1e-6, ÷ k",
            _ANN,
            LOW_TAIL,
        ),
        Spread("strict_recall", "share", "higher", "recall@k by identity of ids", _ANN, LOW_TAIL),
    ),
    "sql": (),
    "object": (
        Spread(
            "ttfb",
            "s",
            "lower",
            "time to first byte: request sent → first byte of the answer (PUT above 64 KiB: last byte sent → answer)",
            _COSBENCH,
            per_operation=True,
        ),
        Spread(
            "send_time",
            "s",
            "lower",
            "PUT: first byte of the request → last byte handed to the kernel, which may still hold some of them",
            _OWN,
            per_operation=True,
        ),
        Spread("part_time", "s", "lower", "multipart: first byte of a part sent → last byte of the answer to it", _OWN),
    ),
    "http": (
        Spread(
            "ttfb",
            "s",
            "lower",
            "time to first byte: request sent (a body above 64 KiB: its last byte) → first byte of the answer",
            _COSBENCH,
            per_operation=True,
        ),
        Spread("event_gap", "s", "lower", "gaps between the events of one answer that is a stream of them", _OWN),
    ),
    "grpc": (
        Spread(
            "ttfm",
            "s",
            "lower",
            "time to first message: call started → first message of the answer handed over by the gRPC library",
            _OWN,
            per_operation=True,
        ),
        Spread("message_gap", "s", "lower", "gaps between the messages of one answer that is a stream of them", _OWN),
    ),
    "file": (Spread("fsync", "s", "lower", "time that the fsync inside a write took", _OWN),),
    "command": (),
}

NUMBERS: dict[str, tuple[Declaration, ...]] = {
    "common": (
        Declaration("throughput", "1/s", "higher", "successful operations that ended in the window ÷ window", _WINDOW),
        Declaration(
            "offered_rate",
            "1/s",
            "neither",
            "operations whose intended start lies in the window (dropped ones too) ÷ window",
            _WINDOW,
        ),
        Declaration("start_rate", "1/s", "neither", "operations that started in the window ÷ window", _WINDOW),
        Declaration(
            "goodput",
            "1/s",
            "higher",
            "operations offered in the window that succeeded, met every per-operation limit of the SLOs and passed the "
            "validator ÷ window",
            _GOODPUT,
        ),
        Declaration("attainment", "share", "higher", "good operations ÷ operations offered in the window", _GOODPUT),
        Declaration(
            "error_rate",
            "share",
            "lower",
            "(error + timeout + unfinished) ÷ (ok + error + timeout + unfinished), steady phase",
            _OWN,
        ),
        Declaration("dropped_share", "share", "lower", "dropped ÷ scheduled operations, steady phase", _OWN),
        Declaration(
            "in_flight_mean", "operations", "neither", "time average of operations in flight in the window", _LITTLE
        ),
        Declaration(
            "response_time_p50_adjusted",
            "s",
            "lower",
            "p50 where an operation that failed or was dropped counts as +∞",
            _OWN,
        ),
        Declaration(
            "response_time_p95_adjusted",
            "s",
            "lower",
            "p95 where an operation that failed or was dropped counts as +∞",
            _OWN,
        ),
        Declaration(
            "response_time_p99_adjusted",
            "s",
            "lower",
            "p99 where an operation that failed or was dropped counts as +∞",
            _OWN,
        ),
        Declaration(
            "generator_share",
            "share",
            "lower",
            "what was offered ÷ what the busiest worker could do with a whole core, by aifbench calibrate",
            _OWN,
        ),
        Declaration(
            "worker_cpu_share", "share", "lower", "CPU time of the busiest worker ÷ wall time of the load", _OWN
        ),
        *(
            Declaration(
                f"read_delay_{which}",
                "s",
                "lower",
                f"{which} of: the generator's read − the kernel's stamp of the data, of the worst worker, to 1 %",
                _OWN,
            )
            for which in ("p50", "p99")
        ),
    ),
    "llm": (
        Declaration(
            "output_throughput", "tokens/s", "higher", "output tokens stamped inside the window ÷ window", _MLPERF
        ),
        Declaration(
            "total_throughput",
            "tokens/s",
            "higher",
            "output tokens stamped inside the window, and prompt tokens of requests whose first token is, ÷ window",
            _VLLM,
        ),
        Declaration("merged_events_share", "share", "lower", _MERGED, _OWN),
        Declaration(
            "estimated_tokens_share",
            "share",
            "lower",
            "share of requests whose output tokens are only the count of their events",
            _OWN,
        ),
    ),
    "vector": (
        Declaration("qps", "1/s", "higher", "successful searches that ended in the window ÷ window", _ANN),
        Declaration("short_answers_share", "share", "lower", "share of searches that returned fewer than k ids", _OWN),
        Declaration("duplicate_answers_share", "share", "lower", "share of searches with an id more than once", _OWN),
    ),
    "sql": (
        Declaration("tps", "1/s", "higher", "committed transactions ÷ window, without connecting", _PGBENCH),
        Declaration(
            "retries", "count", "lower", "transactions tried again after a failure that load.retries names", _PGBENCH
        ),
    ),
    "object": (
        Declaration(
            "bandwidth_in",
            "bytes/s",
            "higher",
            "bytes received by operations that ended in the window ÷ window",
            _COSBENCH,
        ),
        Declaration(
            "bandwidth_out",
            "bytes/s",
            "higher",
            "bytes sent by operations that ended in the window ÷ window",
            _COSBENCH,
        ),
        Declaration("verified", "count", "neither", "objects whose content was checked after the load", _OWN),
        Declaration("mismatched", "count", "lower", "checked objects whose content was wrong", _OWN),
    ),
    "http": (
        Declaration("bandwidth_in", "bytes/s", "higher", "bytes of bodies received in the window ÷ window", _COSBENCH),
        Declaration("bandwidth_out", "bytes/s", "higher", "bytes of bodies sent in the window ÷ window", _COSBENCH),
        Declaration("merged_events_share", "share", "lower", _MERGED, _OWN),
        Declaration(
            "event_throughput", "1/s", "higher", "events of successful answers stamped in the window ÷ window", _OWN
        ),
    ),
    "grpc": (
        Declaration(
            "bandwidth_in", "bytes/s", "higher", "bytes of messages received in the window ÷ window", _COSBENCH
        ),
        Declaration("bandwidth_out", "bytes/s", "higher", "bytes of messages sent in the window ÷ window", _COSBENCH),
        Declaration(
            "message_throughput", "1/s", "higher", "messages of successful answers stamped in the window ÷ window", _OWN
        ),
    ),
    "file": (
        Declaration(
            "read_bandwidth", "bytes/s", "higher", "bytes read by operations that ended in the window ÷ window", _IOR
        ),
        Declaration(
            "write_bandwidth",
            "bytes/s",
            "higher",
            "bytes written by operations that ended in the window, time for fsync included, ÷ window",
            _IOR,
        ),
        Declaration("iops", "1/s", "higher", "successful operations that ended in the window ÷ window", _IOR),
        Declaration(
            "device_read_share",
            "ratio",
            "neither",
            "bytes read from the device ÷ bytes read by the application: near 0 the page cache answered",
            _IOR,
        ),
        Declaration(
            "device_write_share",
            "ratio",
            "neither",
            "bytes written to the device ÷ bytes written by the application",
            _IOR,
        ),
    ),
    "command": (
        Declaration("nonzero_exits", "count", "lower", "executions that ended with an exit code other than 0", _OWN),
        Declaration("duration_mean", "s", "lower", "mean wall time of one execution", _HYPERFINE),
        Declaration("duration_sd", "s", "lower", "standard deviation of the wall time over executions", _HYPERFINE),
    ),
}

READ_OFF = (
    "linearly between neighbours of the load points of one target and load that no other beats in both recall and qps; "
    "below their lowest recall the qps there, beyond their highest none; INVALID load points are left out"
)
"""How a value at a certain recall comes from a curve, wherever one is shown."""

ACROSS: tuple[Declaration, ...] = (
    Declaration(
        "efficiency",
        "share",
        "higher",
        f"qps ÷ qps of the in-process bound at equal recall, read {READ_OFF}",
        _OWN,
    ),
    Declaration("qps_at_recall_0.9", "1/s", "higher", f"qps at mean recall 0.90, read {READ_OFF}", _ANN),
    Declaration("qps_at_recall_0.95", "1/s", "higher", f"qps at mean recall 0.95, read {READ_OFF}", _ANN),
    Declaration("qps_at_recall_0.99", "1/s", "higher", f"qps at mean recall 0.99, read {READ_OFF}", _ANN),
)
"""What is read off several load points together; no objective of a single one can use it."""

PREPARATION: dict[str, tuple[Declaration, ...]] = {
    "common": (Declaration("load_time", "s", "lower", "time to load the data", _OWN),),
    "llm": (),
    "vector": (
        Declaration("insert_rate", "1/s", "higher", "rows inserted ÷ time to insert them", _ANN),
        Declaration("index_build_time", "s", "lower", "time from the order to build the index until it is built", _ANN),
        Declaration(
            "time_to_searchable",
            "s",
            "lower",
            "time from the first insert until a search finds any of the 32 rows inserted last "
            "(an approximate index may never find a certain one)",
            _OWN,
        ),
        Declaration("index_bytes_per_vector", "bytes", "lower", "bytes of the index ÷ vectors in it", _OWN),
        Declaration("ground_truth_time", "s", "neither", "time that this program took for the exact answers", _OWN),
    ),
    "sql": (
        Declaration("rows", "count", "neither", "rows loaded", _PGBENCH),
        Declaration("insert_rate", "1/s", "higher", "rows loaded ÷ time to load them", _PGBENCH),
        Declaration("vacuum_time", "s", "lower", "time of the vacuum after loading", _PGBENCH),
        Declaration("index_build_time", "s", "lower", "time to build the primary keys", _PGBENCH),
    ),
    "object": (
        Declaration("objects", "count", "neither", "objects put before the load", _OWN),
        Declaration("bytes", "bytes", "neither", "bytes of objects put before the load", _OWN),
        Declaration("insert_rate", "1/s", "higher", "objects put ÷ time to put them", _OWN),
        Declaration("insert_bandwidth", "bytes/s", "higher", "bytes of objects put ÷ time to put them", _OWN),
    ),
    "http": (),
    "grpc": (),
    "file": (
        Declaration("files", "count", "neither", "files laid out before the load", _OWN),
        Declaration("write_bandwidth", "bytes/s", "higher", "bytes laid out ÷ time to write and sync them", _OWN),
    ),
    "command": (),
}
