"""Makes and fills the bucket of one preparation, and removes what the run put there."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from aifbench.clock import monotonic_ns
from aifbench.errors import LoadError
from aifbench.load.transport.http import Buffers
from aifbench.workloads.base import PrepareContext
from aifbench.workloads.object.content import Contents
from aifbench.workloads.object.multipart import abort_all
from aifbench.workloads.object.options import ObjectOptions
from aifbench.workloads.object.s3 import S3

MARK = "aifbench-mark"


def slug(run: str, preparation: str) -> str:
    """A valid bucket name from both: at most 63 small letters, digits and hyphens."""
    digest = hashlib.sha256(f"{run}/{preparation}".encode()).hexdigest()[:8]
    plain = re.sub(r"[^a-z0-9]+", "-", f"aifbench-{run}-{preparation}".lower()).strip("-")
    return f"{plain[:54].rstrip('-')}-{digest}"


def _s3(context: PrepareContext, options: ObjectOptions, prefix: str) -> S3:
    endpoint = context.target.endpoint("s3")
    return S3(endpoint, options.bucket or prefix, verify_tls=options.verify_tls)


def _mark_text(context: PrepareContext) -> bytes:
    return f"made by aifbench, run {context.run}, preparation {context.preparation}\n".encode()


def prepare(context: PrepareContext, options: ObjectOptions) -> dict[str, Any]:
    """The bucket (unless an existing one is to be used) and its objects. Facts: where they are, how fast they went."""
    prefix = slug(context.run, context.preparation)
    s3 = _s3(context, options, prefix)
    if options.bucket:
        _remove_objects(s3, prefix)
    else:
        _make_bucket(context, s3, prefix)
    contents = Contents(options, prefix, context.seed)
    context.say(f"putting {contents.count:,} objects into bucket {s3.bucket}")
    begun = monotonic_ns()
    s3.exchange(_put(s3, contents, number) for number in range(contents.count))
    seconds = (monotonic_ns() - begun) / 1e9
    total = sum(contents.size(number) for number in range(contents.count))
    metrics = {
        "objects": contents.count,
        "bytes": total,
        "load_time": seconds,
        "insert_rate": contents.count / seconds,
        "insert_bandwidth": total / seconds,
    }
    return {"bucket": s3.bucket, "prefix": prefix, "seed": context.seed, "metrics": metrics}


def _put(s3: S3, contents: Contents, number: int) -> Callable[[], Buffers]:
    return lambda: s3.request("PUT", contents.key(number), body=contents.buffers(number))


def _make_bucket(context: PrepareContext, s3: S3, prefix: str) -> None:
    if s3.one("HEAD", good=(404,)).status == 404:
        s3.one("PUT")
        s3.one("PUT", MARK, body=(_mark_text(context),))
        return
    if not _is_ours(context, s3):
        raise LoadError(f"bucket {s3.bucket} exists, but this run did not make it: it is left alone")
    _remove_objects(s3, prefix)


def _is_ours(context: PrepareContext, s3: S3) -> bool:
    answer = s3.one("GET", MARK, good=(404,))
    return answer.status == 200 and answer.body() == _mark_text(context)


def _remove_objects(s3: S3, prefix: str) -> None:
    def delete(key: str) -> Callable[[], Buffers]:
        return lambda: s3.request("DELETE", key)

    s3.exchange((delete(key) for key in s3.keys(f"{prefix}/")), good=(404,))
    abort_all(s3, f"{prefix}/")


def cleanup(context: PrepareContext, options: ObjectOptions, prepared: Mapping[str, Any]) -> None:
    """The run's objects, then its bucket if nothing else has been put there."""
    prefix = slug(context.run, context.preparation)
    s3 = _s3(context, options, prefix)
    if s3.one("HEAD", good=(404,)).status == 404:
        return
    if options.bucket:
        _remove_objects(s3, prefix)
        return
    if not _is_ours(context, s3):
        context.say(f"bucket {s3.bucket} does not bear this run's mark: it is left alone")
        return
    _remove_objects(s3, prefix)
    foreign = [key for key in s3.keys("") if key != MARK]
    if foreign:
        context.say(f"bucket {s3.bucket} is kept: it holds {len(foreign)} objects that this run did not put there")
        return
    s3.one("DELETE", MARK)
    s3.one("DELETE", good=(404,))
