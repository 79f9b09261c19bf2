"""The program's entry: finds the command, and turns whatever comes out of it into text and an exit code.

An AifbenchError is the user's to read; anything else is our bug, says so, and leaves its traceback in a file.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from aifbench import __version__
from aifbench.cli.commands import SECTIONS, LazyGroup
from aifbench.errors import AifbenchError, ExitCode, RecipeError

DESCRIPTION = """Benchmark every part of an AI Factory: inference servers, vector databases,
PostgreSQL, S3 and file systems, with one recipe format, one load generator and one report.

\b
Start here:
  aifbench doctor                      what this machine has and lacks
  aifbench recipe list                 example recipes
  aifbench run quickstart              run one of them
  aifbench recipe new my.yaml          write your own
  aifbench show                        the tables of the newest run
"""

EPILOG = """\b
Exit codes:
  0 good                  5 a service failed          10 SLO failed
  1 our bug               6 load or result invalid    11 regression
  2 wrong command line    7 run folder or index       12 inconclusive
  3 wrong recipe or site  4 executor                 130 interrupted

\b
'aifbench COMMAND --help' shows a command's options with examples.
"""


def _debug_flag(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    ctx.ensure_object(dict)
    if value:
        os.environ["AIFBENCH_DEBUG"] = "1"


def _version_flag(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        click.echo(f"aifbench {__version__}")
        ctx.exit()


cli = LazyGroup(
    SECTIONS,
    name="aifbench",
    help=DESCRIPTION,
    epilog=EPILOG,
    no_args_is_help=True,
    params=[
        click.Option(
            ["--debug"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=_debug_flag,
            help="Show tracebacks of errors (also: AIFBENCH_DEBUG=1).",
        ),
        click.Option(
            ["--version"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=_version_flag,
            help="Print the version.",
        ),
    ],
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; nothing is raised."""
    try:
        code = _call(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_stdout()
        return 128 + 13  # what a program ended by SIGPIPE gives
    else:
        return code


def _call(arguments: Sequence[str] | None) -> int:
    try:
        answer: Any = cli.main(
            args=None if arguments is None else list(arguments), prog_name="aifbench", standalone_mode=False
        )
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return ExitCode.USAGE
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        _say("interrupted")
        return ExitCode.INTERRUPTED
    except AifbenchError as error:
        if os.environ.get("AIFBENCH_DEBUG"):
            traceback.print_exc()
        if isinstance(error, RecipeError):
            click.echo(str(error), err=True)  # begins with file:line:column, so that editors can jump there
        else:
            _say(str(error))
        return error.exit_code
    except BrokenPipeError:
        raise
    except SystemExit as done:  # click's own end after answering a shell's completion
        return int(done.code or 0)
    except Exception as error:  # noqa: BLE001 - the last place where anything unexpected can be explained
        return _our_bug(error)
    return int(answer) if isinstance(answer, int) else ExitCode.GOOD


def _our_bug(error: Exception) -> int:
    summary = f"{type(error).__name__}: {error}".splitlines()[0]
    _say(f"this is our bug, not your mistake: {summary}")
    if os.environ.get("AIFBENCH_DEBUG"):
        traceback.print_exc()
    else:
        _say(f"  traceback: {_traceback_file()}\n  hint: please report it with that file; --debug shows it here")
    return ExitCode.BUG


def _traceback_file() -> Path | str:
    import tempfile

    try:
        descriptor, name = tempfile.mkstemp(prefix="aifbench-bug-", suffix=".txt")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"aifbench {__version__}, Python {sys.version}\n\n{traceback.format_exc()}")
    except OSError as error:
        return f"could not be written ({error})"
    return Path(name)


def _say(text: str) -> None:
    click.echo(f"aifbench: {text}", err=True)


def _forget_stdout() -> None:
    """Whoever read our output has gone: let the interpreter's last flush go nowhere instead of complaining."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


if __name__ == "__main__":
    sys.exit(main())
