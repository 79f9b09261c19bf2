"""`aifbench probe`: one load on one target, without writing a recipe."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from aifbench.cli import probing
from aifbench.cli.driving import Manner, carry_out, manner_options
from aifbench.cli.options import runs_option
from aifbench.errors import UsageError

Command = TypeVar("Command", bound=Callable[..., Any])

_LOAD = ("rate", "arrival", "concurrency", "duration", "requests", "warmup", "timeout", "workers", "timestamps")


def probe_options(command: Command) -> Command:
    """What every kind of target has in common, and TARGET itself."""
    for option in reversed(
        (
            click.argument("target"),
            click.option("--rate", metavar="R[,R…]", help="Operations per second (open loop); several make a sweep."),
            click.option("--arrival", metavar="NAME", help="Arrival process.  [default: poisson with --rate]"),
            click.option("--concurrency", metavar="N[,N…]", help="Users (closed loop); several make a sweep."),
            click.option("--duration", metavar="TIME", help="Length of the measured load.  [default: 30s]"),
            click.option("--requests", type=click.IntRange(min=1), metavar="N", help="End after so many operations."),
            click.option("--warmup", metavar="TIME", help="Load before it.  [default: 5s; none with --requests]"),
            click.option("--timeout", metavar="TIME", help="Bound of one operation.  [default: 60s]"),
            click.option("--workers", type=click.IntRange(min=1), help="Load-generating processes.  [default: 1]"),
            click.option(
                "--timestamps",
                type=click.Choice(["auto", "kernel", "user"]),
                help="Who stamps what was received.  [default: auto: the kernel where it can]",
            ),
            click.option("--trials", type=click.IntRange(1, 1000), default=1, show_default=True, help="Repetitions."),
            click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True),
            click.option(
                "--slo", multiple=True, metavar="TEXT", help="Such as 'response_time_p99 < 50ms'; repeatable."
            ),
            click.option(
                "--set",
                "overrides",
                multiple=True,
                metavar="KEY=VALUE",
                help="Any other key of the recipe that is made; --print-recipe shows it.",
            ),
            click.option("--print-recipe", is_flag=True, help="Print the recipe instead of running it."),
            runs_option,
            manner_options,
        )
    ):
        command = option(command)
    return command


def _go(kind: str, target: Mapping[str, Any], options: Mapping[str, Any], how: dict[str, Any]) -> int:
    from aifbench.cli.planning import plan_document
    from aifbench.recipe.loading import made

    more = {"seed": how["seed"], "trials": how["trials"]}
    load = probing.load_of({name: how[name] for name in _LOAD})
    data = probing.recipe(kind, target, {**options, "slo": list(how["slo"]) or None}, load, more)
    document = made(data, f"aifbench probe {kind}", how["overrides"], None if how["print_recipe"] else os.environ)
    if how["print_recipe"]:
        from aifbench.recipe.text import to_text

        click.echo(to_text(document), nl=False)
        return 0
    manner = Manner(**{name: how[name] for name in ("quiet", "as_json", "detach", "allow_invalid", "keep_services")})
    return carry_out(plan_document(document, None), how["runs"], manner)


@click.command(
    epilog="\b\nExamples:\n  aifbench probe llm http://127.0.0.1:8000 --rate 4 --duration 30s\n"
    "  aifbench probe llm localhost:8000 --concurrency 1,2,4,8 --input-tokens 512 --output-tokens 64\n"
    "  aifbench probe llm https://api.example.org/v1 --model m --key-env API_KEY --requests 20\n"
    "  aifbench probe llm localhost:8000 --rate 8 --slo 'ttft_p99 < 500ms' --print-recipe"
)
@probe_options
@click.option("--input-tokens", type=click.IntRange(min=1), default=128, show_default=True, help="Of each prompt.")
@click.option("--output-tokens", type=click.IntRange(min=1), default=64, show_default=True, help="At most.")
@click.option("--model", help="Model name.  [default: what the server serves]")
@click.option("--no-stream", is_flag=True, help="Ask for answers in one piece.")
@click.option("--key-env", metavar="NAME", help="Environment variable that holds the API key.")
def llm(
    target: str,
    input_tokens: int,
    output_tokens: int,
    model: str | None,
    no_stream: bool,
    key_env: str | None,
    **how: Any,
) -> int:
    """Chat requests to an OpenAI-compatible server: TTFT, TPOT, throughput."""
    options = {
        "uses": "llm-chat",
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "model": model,
        "stream": False if no_stream else None,
    }
    attributes = {"api_key": probing.secret(key_env)}
    return _go("llm", probing.external(probing.api_root(target), "openai", attributes), options, how)


@click.command(
    epilog="\b\nExamples:\n  aifbench probe http http://127.0.0.1:8000/health --rate 200\n"
    "  aifbench probe http localhost:8000/api --method POST --body '{}' --header 'Accept: text/html'\n"
    "  aifbench probe http https://example.org/ --concurrency 32 --duration 10s --json"
)
@probe_options
@click.option("--method", default="GET", show_default=True)
@click.option(
    "--header", "header", multiple=True, metavar="'NAME: VALUE'", help="A value may be ${env:NAME}; repeatable."
)
@click.option("--body", help="Text to send.")
@click.option(
    "--body-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Send a file's content."
)
@click.option(
    "--expect", type=int, multiple=True, metavar="STATUS", help="A right status; repeatable.  [default: 200–299]"
)
@click.option("--contains", metavar="TEXT", help="What every right answer contains.")
@click.option("--insecure", is_flag=True, help="Do not check the server's certificate.")
def http(target: str, body_file: Path | None, header: tuple[str, ...], insecure: bool, **how: Any) -> int:
    """One request, again and again, to an HTTP server: throughput, time to first byte, response time."""
    root, path = probing.split_path(target)
    options = {
        "uses": "http",
        "path": path,
        "method": how.pop("method").upper(),
        "headers": probing.headers(header),
        "body": how.pop("body"),
        "body_file": None if body_file is None else str(body_file.absolute()),
        "expect": list(how.pop("expect")) or None,
        "contains": how.pop("contains"),
        "verify_tls": False if insecure else None,
    }
    return _go("http", probing.external(root, "http"), options, how)


@click.command(
    epilog="\b\nExamples:\n  aifbench probe grpc 127.0.0.1:50051 --method /grpc.health.v1.Health/Check --rate 200\n"
    "  aifbench probe grpc grpcs://host:443 --method /pkg.Service/List --request-hex 0a0131 --streaming --messages 10"
)
@probe_options
@click.option("--method", metavar="/PACKAGE.SERVICE/METHOD", help="[default: /grpc.health.v1.Health/Check]")
@click.option("--request-hex", metavar="HEX", help="The encoded request.  [default: an empty message]")
@click.option("--request-base64", metavar="TEXT", help="The encoded request.")
@click.option(
    "--request-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A file that holds it."
)
@click.option("--streaming", is_flag=True, help="The server answers with a stream of messages.")
@click.option("--messages", type=click.IntRange(min=0), help="How many a right answer has.")
@click.option("--metadata", multiple=True, metavar="'NAME: VALUE'", help="A value may be ${env:NAME}; repeatable.")
@click.option("--contains", metavar="TEXT", help="What every right answer contains.")
@click.option("--ca-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="PEM, for grpcs://.")
def grpc(target: str, request_file: Path | None, metadata: tuple[str, ...], ca_file: Path | None, **how: Any) -> int:
    """One method of a gRPC server, again and again: calls and messages per second, response time."""
    options = {
        "uses": "grpc",
        **{name: how.pop(name) for name in ("method", "request_hex", "request_base64", "messages", "contains")},
        "request_file": None if request_file is None else str(request_file.absolute()),
        "streaming": how.pop("streaming") or None,
        "metadata": {name.lower(): value for name, value in probing.headers(metadata).items()},
    }
    attributes = {"ca_file": None if ca_file is None else str(ca_file.absolute())}
    return _go("grpc", probing.external(probing.grpc_address(target), "grpc", attributes), options, how)


@click.command(
    epilog="\b\nExamples:\n  aifbench probe sql postgresql://me@127.0.0.1:5432/bench --concurrency 8\n"
    "  PGPASSWORD=… aifbench probe sql postgresql://me@db:5432/bench --script select-only --rate 500 --duration 60s"
)
@probe_options
@click.option("--script", help="Built-in transaction.  [default: tpcb]")
@click.option("--scale", type=click.IntRange(min=1), help="Size of the pgbench tables.  [default: the workload's]")
def sql(target: str, script: str | None, scale: int | None, **how: Any) -> int:
    """Transactions on a PostgreSQL server: tps, response time. The password is taken from PGPASSWORD.

    Tables are made in a schema of their own and removed afterwards.
    """
    if not target.startswith(("postgresql://", "postgres://")):
        raise UsageError(f"got target {target!r}, expected postgresql://user@host:port/database")
    password = "PGPASSWORD" if "PGPASSWORD" in os.environ else None
    attributes = {"password": probing.secret(password)}
    options = {"uses": "sql", "script": script, "scale": scale}
    return _go("sql", probing.external(target, "postgres", attributes), options, how)


@click.command(
    epilog="\b\nExamples:\n  aifbench probe s3 http://127.0.0.1:8333 --concurrency 16\n"
    "  aifbench probe s3 https://s3.example.org --object-size 1MiB --objects 50 --bucket mine --duration 20s"
)
@probe_options
@click.option("--object-size", metavar="SIZE", help="Such as 64KiB.  [default: the workload's]")
@click.option("--objects", type=click.IntRange(min=1), help="Put before the load.  [default: the workload's]")
@click.option("--bucket", help="One that is there.  [default: one is made, and removed afterwards]")
@click.option("--region", help="For the signature.  [default: us-east-1]")
@click.option("--access-key-env", default="AWS_ACCESS_KEY_ID", show_default=True, metavar="NAME")
@click.option("--secret-key-env", default="AWS_SECRET_ACCESS_KEY", show_default=True, metavar="NAME")
@click.option("--insecure", is_flag=True, help="Do not check the server's certificate.")
def s3(target: str, region: str | None, access_key_env: str, secret_key_env: str, insecure: bool, **how: Any) -> int:
    """Get, put, stat and delete objects: operations per second, bandwidth, TTFB."""
    attributes: dict[str, Any] = {"region": region}
    if access_key_env in os.environ or secret_key_env in os.environ:
        attributes |= {"access_key": probing.secret(access_key_env), "secret_key": probing.secret(secret_key_env)}
    options = {
        "uses": "object",
        "object_size": how.pop("object_size"),
        "objects": how.pop("objects"),
        "bucket": how.pop("bucket"),
        "verify_tls": False if insecure else None,
    }
    return _go("s3", probing.external(probing.address(target), "s3", attributes), options, how)


@click.command(
    epilog="\b\nExamples:\n  aifbench probe file /scratch/me --pattern rand-read --block-size 4KiB --concurrency 8\n"
    "  aifbench probe file . --pattern seq-write --file-size 1GiB --duration 10s"
)
@probe_options
@click.option("--pattern", help="seq-read, seq-write, rand-read, rand-write, rand-mix, metadata.")
@click.option("--block-size", metavar="SIZE", help="Bytes of one operation.")
@click.option("--file-size", metavar="SIZE", help="Of each user's file.")
@click.option("--direct", is_flag=True, help="Past the page cache (O_DIRECT).")
def file(
    target: str, pattern: str | None, block_size: str | None, file_size: str | None, direct: bool, **how: Any
) -> int:
    """Read and write files in a directory: bandwidth, operations per second, latency."""
    place = {"uses": "directory", "path": str(Path(target).absolute()), "ready_timeout": probing.READY_TIMEOUT}
    options = {
        "uses": "file",
        "pattern": pattern,
        "block_size": block_size,
        "file_size": file_size,
        "direct": direct or None,
    }
    return _go("file", place, options, how)


@click.command(
    epilog="\b\nExamples:\n  aifbench probe vector http://127.0.0.1:8000 --vectors 20000 --concurrency 4\n"
    "  aifbench probe vector http://127.0.0.1:19530 --protocol milvus --rate 100\n"
    "  aifbench probe vector faiss --concurrency 1"
)
@probe_options
@click.option("--protocol", type=click.Choice(["chroma", "milvus"]), default="chroma", show_default=True)
@click.option("--vectors", type=click.IntRange(min=1), help="In the collection.  [default: the workload's]")
@click.option("--dimension", type=click.IntRange(min=1), help="Numbers per vector.  [default: the workload's]")
@click.option("--k", type=click.IntRange(min=1), help="Neighbours asked for.  [default: the workload's]")
@click.option("--token-env", metavar="NAME", help="Environment variable that holds the access token.")
def vector(target: str, protocol: str, token_env: str | None, **how: Any) -> int:
    """Load vectors into a database and search them: queries per second at their recall.

    TARGET `faiss` is the bound: the same search inside the worker, without a server.
    """
    attributes = {"token": probing.secret(token_env)}
    place = {"uses": "faiss"} if target == "faiss" else probing.external(probing.address(target), protocol, attributes)
    options = {"uses": "vector-search", **{name: how.pop(name) for name in ("vectors", "dimension", "k")}}
    return _go("vector", place, options, how)
