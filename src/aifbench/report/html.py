"""One self-contained page: style, script and plotly.js inside, no address outside, opens from disk.

Everything that comes from the user or a server is escaped: by jinja2 in the page, by `script_json` in figures.
A content security policy inside the page forbids every connection, so that a mistake here cannot fetch anything.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.util import find_spec
from itertools import count as counter
from pathlib import Path
from typing import Any

from aifbench.errors import MissingExtra
from aifbench.model.plan import Plan
from aifbench.model.result import RunResult
from aifbench.report import words
from aifbench.report.after_load import checks_sheet
from aifbench.report.facts import definitions_sheet, environment_sheets, facts_sheet, preparations_sheet
from aifbench.report.family import families
from aifbench.report.outline import outline
from aifbench.report.summary import family_sheet, findings_sheet, slo_sheet, tally

_HERE = Path(__file__).parent / "template"


def render(result: RunResult, plan: Plan | None, recipe_text: str) -> str:
    """The page as text (UTF-8 when written). Raises MissingExtra when plotly's script is not installed."""
    environment = _environment()
    ids = counter(1)
    page: str = environment.get_template("report.html.j2").render(
        result=result,
        plan=plan,
        recipe_text=recipe_text,
        words=words,
        tally=tally(result),
        summary=[(family, family_sheet(result, family)) for family in families(result)],
        problems=findings_sheet(result.points, all_of_them=False),
        slos=slo_sheet(result.points),
        parts=outline(result, plan),
        preparations=preparations_sheet(result, plan, unplaced=True),
        checks=checks_sheet(result, plan, unplaced=True),
        services=[facts_sheet(words.service_title(name, facts), facts) for name, facts in result.services.items()],
        environment=list(environment_sheets(result)),
        definitions=definitions_sheet(result),
        next_id=lambda: next(ids),
        style=_asset("report.css"),
        script=_asset("report.js"),
        plotly=plotly_script(),
        script_json=script_json,
        slug=slug,
    )
    return page


def slug(text: str) -> str:
    """An id for the page: letters, digits and dashes only."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-") or "x"


def script_json(value: Any) -> str:
    """JSON that may stand inside a script element: no character of it can end the element or start a comment."""
    written = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for sign in "<>&\u2028\u2029":
        written = written.replace(sign, f"\\u{ord(sign):04x}")
    return written


@cache
def plotly_script() -> str:
    """plotly.js as its wheel ships it, read without importing the package."""
    found = find_spec("plotly")
    places = list(found.submodule_search_locations or []) if found else []
    for place in places:
        path = Path(place) / "package_data" / "plotly.min.js"
        if path.is_file():
            return path.read_text(encoding="utf-8").replace("</script", "<\\/script")
    raise MissingExtra(
        "plotly (its package_data/plotly.min.js)", install="pip install 'plotly>=6'", where="HTML report"
    )


@cache
def _asset(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
