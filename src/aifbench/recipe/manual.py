"""The recipe reference: every key that there is, as Markdown generated from the models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aifbench.model.options import Options
from aifbench.recipe.key_table import KeyRow, key_rows
from aifbench.recipe.keys import LoadKeys, RecipeKeys, ServiceKeys, SiteKeys, WorkloadKeys
from aifbench.recipe.vocabulary import Vocabulary

_INTRODUCTION = """\
# Recipe reference

A recipe is a YAML file.
This page is generated from the program (`make docs`); `aifbench recipe schema` gives the same as JSON Schema.

## Values

| written | means |
|---|---|
| `500ms`, `30s`, `5m`, `1h30m` | a duration; a plain number is seconds |
| `512B`, `64KiB`, `10MB`, `1.5GiB` | a size; KiB is 1024 bytes, kB 1000; a plain number is bytes |
| `10/s`, `600/min` | a rate; a plain number is per second |
| `[1, 2, 4]` in a key marked ↔ | one load point per value |
| `${env:NAME}` | a secret: only this reference is stored, the process that needs it reads its environment |
| nothing after the colon | the key is not given |

`--set workloads.chat.load.rate_per_s=[1,2]` lays a value over the file.
Included files are read first, in their order; mappings are merged and the later value wins.

## Paths

A relative path in a key of a service or workload counts from the folder in which the command is typed.
The plan has it absolute, so `--detach`, `resume` and every process mean the same file.
The program of a command is such a path when it has a slash (`./bench.sh`).
Its arguments stay as they are: it works in a folder of its own, unless a key names one.
What belongs to the recipe counts from the recipe's own folder: `include`, a site's file, an arrival process's `file`.
"""


def reference(vocabulary: Vocabulary) -> str:
    """The whole page, ending in a newline."""
    return "\n".join(_lines(vocabulary)).rstrip() + "\n"


def _lines(vocabulary: Vocabulary) -> Iterator[str]:
    yield _INTRODUCTION
    yield from _section("## Recipe", "", RecipeKeys)
    yield from _section("## Every service: `services.NAME`", "", ServiceKeys)
    yield from _section("## Every workload: `workloads.NAME`", "", WorkloadKeys)
    yield from _section("## Load: `workloads.NAME.load`", "", LoadKeys)
    yield from _arrivals(vocabulary)
    yield "## Services\n"
    for name in vocabulary.services.names():
        service = vocabulary.service(name)
        yield from _section(f"### `uses: {name}`", f"{service.summary}.", service.recipe_keys)
    yield "## Workloads\n"
    for name in vocabulary.workloads.names():
        workload = vocabulary.workload(name)
        asked = ", ".join(f"`{protocol}`" for protocol in workload.targets) or "none"
        text = f"{workload.summary}.\nTargets speak: {asked}."
        if workload.default_load:
            said = ", ".join(f"{key}: {value}" for key, value in workload.default_load.items())
            text += f"\nLoad when the recipe says nothing: `{{{said}}}`."
        yield from _section(f"### `uses: {name}`", text, workload.recipe_keys)
    yield from _section("## Site file", "A site is one machine or cluster; `local` needs no file.", SiteKeys)


def _arrivals(vocabulary: Vocabulary) -> Iterator[str]:
    yield "### Arrival processes\n"
    for name in vocabulary.arrivals.names():
        summary = getattr(vocabulary.arrivals.load(name), "summary", "")
        yield f"- `{name}`: {summary}"
    yield ""
    for name in vocabulary.arrivals.names():
        shape = vocabulary.shape_keys(name)
        if shape.model_fields:
            yield from _section(f"#### `arrival: {name}`", "", shape)


def _section(title: str, text: str, model: type[Options]) -> Iterator[str]:
    yield f"{title}\n"
    if text:
        yield f"{text}\n"
    rows = key_rows(model)
    yield from _table(rows) if rows else ["No keys of its own.\n"]


def _table(rows: Sequence[KeyRow]) -> Iterator[str]:
    yield "| key | type | default | meaning |"
    yield "|---|---|---|---|"
    for row in rows:
        cells = [f"`{row.name}`{' ↔' * row.sweeps}", row.type, _code(row.default), row.description]
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def _code(default: str) -> str:
    return default if default in ("required", "–") else f"`{default}`"
