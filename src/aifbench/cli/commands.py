"""The table of commands. A command's module is imported when the command is used, so that `--help` stays fast.

Only this file and `click` are needed to print the list of commands: each line carries its own summary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click

from aifbench.registry import nearest

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


@dataclass(frozen=True)
class Line:
    """One command: where its click object is (`module:name`), what it does, and its subcommands if it has any."""

    place: str
    summary: str
    commands: Mapping[str, Line] | None = None
    epilog: str = ""


def _cli(place: str, summary: str) -> Line:
    return Line(f"aifbench.cli.{place}", summary)


INDEX = {"rebuild": _cli("index:rebuild", "Read all run folders again and write the index anew.")}
RECIPE = {
    "list": _cli("recipe:list_recipes", "List the example recipes that come with aifbench."),
    "show": _cli("recipe:show", "Print an example recipe, or one of yours with includes and --set applied."),
    "check": _cli("recipe:check", "Check a recipe and name every mistake with its place."),
    "new": _cli("recipe:new", "Write a new recipe to start from."),
    "schema": _cli("recipe:schema", "Print the JSON Schema of recipes, for editors."),
}
SERVICE = {
    "list": _cli("service:list_services", "List the services that can be deployed or addressed."),
    "info": _cli("service:info", "Show the recipe keys of a service and what it needs."),
    "up": _cli("kept:up", "Start a service and keep it up for several runs."),
    "down": _cli("kept:down", "Stop a kept service."),
    "status": _cli("kept:status", "Show which kept services are up, and where."),
    "logs": _cli("kept:logs", "Print the log of a kept service."),
}
WORKLOAD = {
    "list": _cli("workload:list_workloads", "List the kinds of work that can be asked of a target."),
    "info": _cli("workload:info", "Show the recipe keys of a workload and what it needs."),
}
PROBE = {
    "llm": _cli("probe:llm", "Chat requests to an OpenAI-compatible server."),
    "http": _cli("probe:http", "One request, again and again, to an HTTP server."),
    "grpc": _cli("probe:grpc", "One method of a gRPC server, again and again."),
    "sql": _cli("probe:sql", "Transactions on a PostgreSQL server."),
    "s3": _cli("probe:s3", "Get, put, stat and delete objects."),
    "file": _cli("probe:file", "Read and write files in a directory."),
    "vector": _cli("probe:vector", "Load vectors into a database and search them."),
}
EXECUTOR = {"list": _cli("executor:list_executors", "List the ways in which processes can be started.")}

SECTIONS: Mapping[str, Mapping[str, Line]] = {
    "Measure": {
        "run": _cli("run:run", "Run a recipe: start, load, measure, stop, report."),
        "probe": Line("", "Load one target, without writing a recipe.", PROBE),
        "plan": _cli("plan:plan", "Show what a recipe would do, without doing it."),
        "resume": _cli("resume:resume", "Go on with a run that was interrupted."),
        "stop": _cli("stop:stop", "End a run in order; what was measured is kept."),
        "status": _cli("status:status", "Say how far a run is."),
    },
    "Look at results": {
        "list": _cli("listing:list_runs", "List all runs, newest first."),
        "show": _cli("show:show", "Show the tables of a run."),
        "report": _cli("report:report", "Write the report of a run: HTML, Markdown, JSON, CSV or Parquet."),
        "logs": _cli("logs:logs", "Print what a run, a service or a worker logged."),
        "rm": _cli("rm:rm", "Delete runs."),
        "index": Line("", "Look after the index of runs.", INDEX),
    },
    "Recipes and catalogues": {
        "recipe": Line("", "Write, check and list recipes.", RECIPE),
        "service": Line("", "Services: what there is, and keeping one up.", SERVICE),
        "workload": Line("", "Workloads: what there is.", WORKLOAD),
        "executor": Line("", "Executors: what there is.", EXECUTOR),
    },
    "Check the generator": {
        "calibrate": _cli("calibrate:calibrate", "Measure what this machine's load generator can do."),
        "simulate": _cli("simulate:simulate", "Serve answers of known timing, to check a load generator against."),
    },
    "This installation": {
        "doctor": _cli("doctor:doctor", "Say what this machine has and lacks, with the install lines."),
        "completion": _cli("completion:completion", "Print the completion script of a shell."),
        "version": _cli("version:version", "Print the version."),
    },
}


class LazyGroup(click.Group):
    """A group whose commands come from table lines and are imported when they are called."""

    def __init__(self, sections: Mapping[str, Mapping[str, Line]], **settings: Any) -> None:
        super().__init__(context_settings=dict(HELP), **settings)
        self.sections = sections
        self.lines = {name: line for section in sections.values() for name, line in section.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.lines)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        line = self.lines.get(cmd_name)
        if line is None:
            return None
        if line.commands is not None:
            return LazyGroup({"Commands": line.commands}, name=cmd_name, help=line.summary, no_args_is_help=True)
        module, _, attribute = line.place.partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command), line.place
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in self.lines:
            close = nearest(args[0], self.lines)
            guess = f" Did you mean {close[0]!r}?" if close else f" Known: {', '.join(self.lines)}."
            ctx.fail(f"No such command {args[0]!r}.{guess}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(len(name) for name in self.lines)
        for title, section in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), line.summary) for name, line in section.items()])
