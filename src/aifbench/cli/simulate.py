"""`aifbench simulate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aifbench.cli.screen import json_option, note, print_json, print_table
from aifbench.errors import ServiceError, UsageError

if TYPE_CHECKING:
    from aifbench.simulate.faults import FaultRule
    from aifbench.simulate.server import Simulator
    from aifbench.simulate.timing import Delay

PATHS = (
    ("POST /v1/chat/completions", "an OpenAI chat, streamed or not: max_tokens events, or --events"),
    ("POST /v1/completions", "an OpenAI completion, likewise"),
    ("GET /bytes/N", "N bytes, after the time to the first event"),
    ("GET /ndjson/N", "N lines of JSON, one per event"),
    ("GET /instant", "two bytes at once; not recorded"),
    ("GET /self", "the simulator's own CPU time, as JSON"),
    ("GET /health", "that it is there"),
)


@click.command(
    epilog="\b\nExamples:\n  aifbench simulate --port 8000 --first 100ms --gap 10ms\n"
    "  aifbench simulate --first lognormal:80ms,0.3 --slots 8 --record truth.parquet\n"
    "  aifbench simulate --fault http-500@0.1 --fault stall=200ms@3,7\n"
    "  aifbench simulate --unix /tmp/sim.socket --duration 10m\n"
    "  aifbench simulate --list-faults\n\n"
    "\b\nA delay is 100ms, normal:100ms,10ms (mean, standard deviation), lognormal:100ms,0.5 (median, sigma)\n"
    "or trace:10ms,20ms,30ms (used in turn). A fault is NAME[=DURATION][@SHARE|@NUMBERS].\n\n"
    "\b\nPaths that it answers:\n" + "\n".join(f"  {path.ljust(26)} {text}" for path, text in PATHS)
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="TCP port; 0 takes any free one.  [default: 0]")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at; ::1 is IPv6.")
@click.option("--unix", type=click.Path(dir_okay=False, path_type=Path), help="Listen at a Unix socket instead.")
@click.option("--cert", type=click.Path(dir_okay=False, exists=True), help="Speak TLS with this certificate (PEM).")
@click.option("--key", type=click.Path(dir_okay=False, exists=True), help="Its private key (PEM).")
@click.option("--first", default="100ms", show_default=True, metavar="DELAY", help="Time to the first event.")
@click.option("--gap", default="10ms", show_default=True, metavar="DELAY", help="Time between events.")
@click.option(
    "--events",
    type=click.IntRange(min=1),
    default=16,
    show_default=True,
    help="Events of an answer whose request does not say how many.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Decides drawn delays and faults by share.")
@click.option("--slots", type=click.IntRange(min=1), help="Requests served at a time; the rest queues.  [default: all]")
@click.option("--fault", "faults", multiple=True, metavar="SPEC", help="What it does wrong on purpose; repeatable.")
@click.option("--list-faults", is_flag=True, help="List the faults, and end.")
@click.option(
    "--record",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.parquet",
    help="Write at the end when each event was due and when it was really written.",
)
@click.option("--duration", default="1h", show_default=True, help="End by itself after so long.")
@json_option
def simulate(list_faults: bool, record: Path | None, duration: str, as_json: bool, **how: Any) -> None:
    """Serve answers of known timing, to check a load generator against.

    Speaks the OpenAI API and plain HTTP. The only line on stdout is its address. It ends after --duration, or on
    Ctrl-C or SIGTERM, and then writes the record.
    """
    if list_faults:
        _list_faults(as_json)
        return
    if record is not None and not record.parent.is_dir():
        raise UsageError(f"--record: the folder {record.parent} does not exist")
    seconds = _seconds(duration)
    simulator = _made(record is not None, **how)
    try:
        if as_json:
            print_json({"url": simulator.url, "port": simulator.port})
        else:
            click.echo(simulator.url)
        _serve(simulator, seconds)
    finally:
        simulator.close()
    if record is not None:
        _write(simulator, record)
    if simulator.died:
        raise ServiceError("died on purpose: the fault `die` befell a request", where="simulator")


def _made(keep_record: bool, **how: Any) -> Simulator:
    """The simulator, listening. Raises UsageError and ServiceError."""
    from aifbench.simulate.listen import Place
    from aifbench.simulate.server import Behaviour, Simulator
    from aifbench.simulate.timing import Timing

    timing = Timing(_delay("--first", how["first"]), _delay("--gap", how["gap"]), how["seed"])
    faults = tuple(_fault(text) for text in how["faults"])
    place = Place(how["host"], how["port"], str(how["unix"] or ""), how["cert"] or "", how["key"] or "")
    return Simulator(Behaviour(timing, how["slots"], how["events"], faults), place, keep_record=keep_record)


def _serve(simulator: Simulator, seconds: float) -> None:
    """Until the time is over or a signal comes. The garbage collector stays off: it would delay what is due."""
    import gc
    import signal

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: simulator.stop())
    gc.freeze()
    gc.disable()
    simulator.run(seconds)


def _write(simulator: Simulator, path: Path) -> None:
    from aifbench.errors import StoreError
    from aifbench.simulate.record import write

    try:
        write(simulator.exchanges, path)
    except OSError as error:
        raise StoreError(f"the record could not be written: {error.strerror or error}", where=str(path)) from error
    note(f"{len(simulator.exchanges)} requests recorded in {path}")


def _delay(option: str, text: str) -> Delay:
    from aifbench.simulate.timing import parse_delay

    try:
        return parse_delay(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error


def _fault(text: str) -> FaultRule:
    from aifbench.simulate.faults import parse_rule

    try:
        return parse_rule(text)
    except ValueError as error:
        raise UsageError(f"--fault: {error}", hint="aifbench simulate --list-faults shows all") from error


def _seconds(text: str) -> float:
    from aifbench.units import parse_duration_s

    try:
        return parse_duration_s(text)
    except ValueError as error:
        raise UsageError(f"--duration: {error}") from error


def _list_faults(as_json: bool) -> None:
    from aifbench.simulate.faults import FAULTS

    if as_json:
        print_json({name: text for name, (_, text) in FAULTS.items()})
        return
    print_table(["fault", "what happens"], [(name, text) for name, (_, text) in FAULTS.items()])
    click.echo("\nNAME=DURATION sets `value` (50ms); @0.1 is a share of the requests, @3,7 their numbers from 0.")
