"""`aifbench service up|down|status|logs`: services that stay up between commands."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from aifbench.cli.screen import json_option, note, print_json, print_table
from aifbench.cli.service import service_names
from aifbench.clock import sleep_s
from aifbench.errors import RecipeError, UsageError
from aifbench.executors.base import Stream

if TYPE_CHECKING:
    from aifbench.deploy.kept import KeptService, KeptServices
    from aifbench.services.base import Service

POLL_S = 0.2
_CHUNK = 1 << 20


@contextmanager
def _kept() -> Iterator[KeptServices]:
    from aifbench.deploy.kept import KeptServices
    from aifbench.executors.local import LocalExecutor
    from aifbench.store.index import aifbench_home

    executor = LocalExecutor()
    try:
        yield KeptServices(aifbench_home(), executor)
    finally:
        executor.close()


def _kept_names(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    with _kept() as kept:
        return [CompletionItem(one.name) for one in kept.list() if one.name.startswith(incomplete)]


@click.command(
    epilog="\b\nExamples:\n  aifbench service up postgres\n"
    "  aifbench service up llama.cpp --name llm --set parallel=4\n"
    "  aifbench service up postgres --set 'settings={shared_buffers: 256MB}'\n\n"
    "\b\nAim a run at it with what this command prints, in a recipe's services."
)
@click.argument("uses", metavar="SERVICE", shell_complete=service_names)
@click.option("--name", help="What to call it.  [default: the service's own name]")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A recipe key of the service.")
@click.option("--ready-timeout", default="120s", show_default=True, help="How long it may take to get ready.")
@json_option
def up(uses: str, name: str | None, settings: tuple[str, ...], ready_timeout: str, as_json: bool) -> None:
    """Start a service and keep it up for several runs.

    It goes on when this command has ended, until `aifbench service down`.
    """
    from aifbench.units import parse_duration_s

    try:
        ready_timeout_s = parse_duration_s(ready_timeout)
    except ValueError as error:
        raise UsageError(f"--ready-timeout: {error}") from error
    service, options = _service(uses, name or uses.replace(".", "-"), settings)
    with _kept() as kept:
        started = kept.keep(service, uses, options, ready_timeout_s=ready_timeout_s, on_progress=note)
    if as_json:
        print_json(_facts(started))
        return
    for endpoint in started.endpoints:
        click.echo(f"{started.name} is up: {endpoint.protocol} at {endpoint.url}")
    external = {"uses": "external", **started.as_external()}
    click.echo(f"  in a recipe:  services: {json.dumps({started.name: external})}")
    click.echo(f"  stop it:      aifbench service down {started.name}")


def _service(uses: str, name: str, settings: Sequence[str]) -> tuple[Service, Mapping[str, Any]]:
    """The service with its options, paths absolute. Raises UnknownName, or RecipeError with every mistake."""
    from pydantic import ValidationError

    from aifbench.model.paths import counted_from
    from aifbench.recipe.document import Document, Node, Place
    from aifbench.recipe.explain import mistakes
    from aifbench.recipe.loading import override
    from aifbench.services.base import SERVICES

    kind = SERVICES.load(uses)
    root = Node({}, Place("--set"))
    for text in settings:
        root = override(root, text)
    document = Document("--set", root)
    raw = dict(document.data)
    try:
        options = kind.recipe_keys.model_validate(raw, context=counted_from(str(Path.cwd())))
        return kind(name, options), options.model_dump(mode="json", by_alias=True, exclude_unset=True)
    except ValidationError as error:
        found = mistakes(error, raw, kind.recipe_keys)
        problems = [document.problem(one.path, one.message, hint=one.hint, at_key=one.at_key) for one in found]
        raise RecipeError(problems) from error


@click.command(epilog="\b\nExamples:\n  aifbench service down postgres\n  aifbench service down --all")
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=_kept_names)
@click.option("--all", "everything", is_flag=True, help="All kept services.")
@click.option("--delete", is_flag=True, help="Delete its logs and data too.")
def down(names: tuple[str, ...], everything: bool, delete: bool) -> None:
    """Stop a kept service, and any process that it left."""
    if bool(names) == everything:
        raise UsageError("name the services to stop, or give --all", hint="aifbench service status lists them")
    with _kept() as kept:
        for name in [one.name for one in kept.list()] if everything else names:
            ended = kept.down(name, delete=delete)
            click.echo(f"{name}: stopped ({ended.describe()})")


@click.command(epilog="\b\nExamples:\n  aifbench service status\n  aifbench service status --json")
@json_option
def status(as_json: bool) -> None:
    """Show which kept services are up, and where."""
    with _kept() as kept:
        found = kept.list()
    if as_json:
        print_json([_facts(one) for one in found])
        return
    if not found:
        note("no service is kept up; aifbench service up SERVICE starts one")
        return
    rows = [
        (one.name, one.uses, one.state, "; ".join(endpoint.url for endpoint in one.endpoints), one.since[:19])
        for one in found
    ]
    print_table(["name", "service", "state", "address", "since"], rows)


def _facts(one: KeptService) -> dict[str, Any]:
    from aifbench.model.codec import to_data

    data: dict[str, Any] = to_data(one)
    return {**data, "as_external": one.as_external() if one.state == "up" else None}


@click.command(epilog="\b\nExamples:\n  aifbench service logs postgres\n  aifbench service logs llm --stream out -f")
@click.argument("name", shell_complete=_kept_names)
@click.option("--stream", type=click.Choice(["err", "out"]), help="Only this one.  [default: both]")
@click.option("-f", "--follow", is_flag=True, help="Go on printing while the service is up.")
def logs(name: str, stream: Stream | None, follow: bool) -> None:
    """Print the log of a kept service, also after it has ended."""
    streams: tuple[Stream, ...] = (stream,) if stream else ("out", "err")
    offsets = dict.fromkeys(streams, 0)
    with _kept() as kept:
        while True:
            going = follow and kept.get(name).state in ("up", "starting")
            for one in streams:
                while data := kept.logs(name, one, offset=offsets[one], limit=_CHUNK):
                    offsets[one] += len(data)
                    sys.stdout.write(data.decode("utf-8", "replace"))
            sys.stdout.flush()
            if not going:
                return
            sleep_s(POLL_S)
