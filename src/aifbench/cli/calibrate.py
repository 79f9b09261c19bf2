"""`aifbench calibrate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aifbench.cli.screen import json_option, note, print_json, print_table
from aifbench.errors import UsageError
from aifbench.units import format_duration, parse_duration_s, significant

if TYPE_CHECKING:
    from aifbench.model.calibration import Calibration, Ceiling

TRANSPORTS = ("http", "sse", "s3", "file")


@click.command(
    epilog="\b\nExamples:\n  aifbench calibrate\n  aifbench calibrate --transport sse --duration 20s\n"
    "  aifbench calibrate --show\n\n"
    "\b\nRuns use the result: their reports say how much of it was offered, and run and plan warn before a load that\n"
    "is above it. It belongs to this machine, kernel and version of aifbench."
)
@click.option(
    "--transport", "transports", multiple=True, type=click.Choice(TRANSPORTS), help="Which; repeatable.  [default: all]"
)
@click.option("--duration", default="5s", show_default=True, help="About so long for each transport.")
@click.option(
    "--timestamps",
    type=click.Choice(["auto", "kernel", "user"]),
    default="auto",
    show_default=True,
    help="Who stamps what was received.",
)
@click.option("--show", is_flag=True, help="Show what is stored, without measuring.")
@json_option
def calibrate(transports: tuple[str, ...], duration: str, timestamps: str, show: bool, as_json: bool) -> None:
    """Measure what this machine's load generator can do, and store it.

    One worker is asked for all it can do, against a stub on another core that answers at once.
    """
    from aifbench.store.calibration import calibration_file, calibration_here, keep_calibration

    if show:
        found = calibration_here(timestamps)
        if found is None:
            raise UsageError(f"{calibration_file()} has no calibration of this machine", hint="aifbench calibrate")
        _show(found, as_json)
        return
    measured = _measure(list(transports or TRANSPORTS), duration, timestamps)
    path = keep_calibration(measured)
    _show(measured, as_json)
    note(f"stored in {path}")


def _measure(transports: list[str], duration: str, timestamps: str) -> Calibration:
    import tempfile
    from dataclasses import replace
    from pathlib import Path
    from typing import cast

    from aifbench.executors.local import LocalExecutor
    from aifbench.load.calibrate import calibrate as measure
    from aifbench.model.load import Timestamps
    from aifbench.store.environment import cpu_model

    try:
        seconds = parse_duration_s(duration)
    except ValueError as error:
        raise UsageError(f"--duration: {error}") from error
    if not 1 <= seconds <= 600:
        raise UsageError(f"--duration: got {duration}, expected from 1s to 10m")
    executor = LocalExecutor()
    try:
        with tempfile.TemporaryDirectory(prefix="aifbench-calibrate-") as folder:
            found = measure(
                transports,
                Path(folder),
                executor,
                seconds=seconds,
                timestamps=cast("Timestamps", timestamps),
                say=note,
            )
    finally:
        executor.close()
    return replace(found, cpu=cpu_model())


def _show(found: Calibration, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    rows = [_row(ceiling) for ceiling in found.ceilings.values()]
    columns = ["transport", "one worker", "reached", "its core", "stub's core", "limit", "send lag p50", "p99",
               "read delay p50", "p99", "stamps"]  # fmt: skip
    print_table(columns, rows)
    for ceiling in found.ceilings.values():
        if ceiling.limit != "generator":
            click.echo(f"{ceiling.transport}: {_EXPLAINED[ceiling.limit]}")
    steps = found.clock_step_ns
    click.echo(f"one reading of the clock: {steps['p50']:.0f} ns (p99 {steps['p99']:.0f} ns)")
    click.echo(f"{found.host}, {found.cpu or 'unknown CPU'}, Linux {found.kernel}, aifbench {found.aifbench}")
    if not found.apart:
        click.echo("generator and stub shared one core: rates that were reached are those of both together")


_EXPLAINED = {
    "stub": "the stub was the limit; what one worker can do is reckoned from its CPU time",
    "neither": "neither core was full: the machine may be busy with other work; "
    "what one worker can do is reckoned from its CPU time",
}


def _row(ceiling: Ceiling) -> list[str]:
    def share(value: float | None) -> str:
        return "–" if value is None else f"{value:.0%}"

    def time(value: float | None) -> str:
        return "–" if value is None else format_duration(value)

    return [
        ceiling.transport,
        f"{significant(ceiling.per_cpu_s)} {ceiling.unit}/s",
        f"{significant(ceiling.reached_per_s)}/s",
        share(ceiling.worker_share),
        share(ceiling.stub_share),
        ceiling.limit,
        time(ceiling.send_lag_p50_s),
        time(ceiling.send_lag_p99_s),
        time(ceiling.read_delay_p50_s),
        time(ceiling.read_delay_p99_s),
        ceiling.timestamps or "–",
    ]
