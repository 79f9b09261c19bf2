"""The page: self-contained, escaped, small."""

from __future__ import annotations

import json
import re
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from aifbench.report import html
from aifbench.report.html import script_json
from tests.report import example


@cache
def page() -> str:
    return html.render(example.result(), example.plan(), example.RECIPE)


class _Reader(HTMLParser):
    """Collects addresses, ids, heading levels, open scripts and visible text."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.headings: list[int] = []
        self.scripts = 0
        self.text: list[str] = []
        self.unlabelled = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.addresses += [given[key] or "" for key in ("href", "src", "data", "action", "srcset") if key in given]
        self.ids += [given["id"] or ""] if "id" in given else []
        self.headings += [int(tag[1])] if re.fullmatch("h[1-6]", tag) else []
        self.scripts += tag == "script"
        self.unlabelled += given.get("role") == "img" and not given.get("aria-label")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@cache
def read() -> _Reader:
    reader = _Reader()
    without_scripts = re.sub(r"(<script[^>]*>).*?(</script>)", r"\1\2", page(), flags=re.DOTALL)
    reader.feed(re.sub(r"<style>.*?</style>", "", without_scripts, flags=re.DOTALL))
    return reader


def test_nothing_is_loaded_from_outside() -> None:
    assert [address for address in read().addresses if not address.startswith(("#", "data:,"))] == []
    assert "@import" not in page().partition("</style>")[0]
    assert "url(" not in page().partition("</style>")[0]


def test_the_page_forbids_itself_every_connection() -> None:
    assert "Content-Security-Policy\" content=\"default-src 'none'" in page()


def test_every_link_inside_the_page_has_its_place() -> None:
    assert {address[1:] for address in read().addresses if address.startswith("#")} <= set(read().ids)


def test_ids_are_unique() -> None:
    assert len(read().ids) == len(set(read().ids))


def test_text_of_users_and_servers_is_escaped_everywhere() -> None:
    """Names, recipe, service facts and error notes all carry a script element."""
    own = page().count(example.NASTY)
    assert own == 0
    assert page().count("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;") >= 5


def test_figures_are_json_that_cannot_end_their_script() -> None:
    found = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page(), re.DOTALL)
    assert len(found) > 20
    for text in found:
        json.loads(text)
        assert "<" not in text


def test_json_in_a_script_keeps_its_meaning() -> None:
    value = {"a": "</script><!-- & \u2028"}
    assert json.loads(script_json(value)) == value


@pytest.mark.parametrize("word", ["n/a (n=39, needs 368)", "✗ INVALID", "▲ DEGRADED", "✓ VALID"])
def test_what_is_missing_or_not_valid_is_said_in_words(word: str) -> None:
    assert word in "".join(read().text)


def test_headings_leave_no_level_out() -> None:
    levels = read().headings
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_every_chart_has_words_for_those_who_cannot_see_it() -> None:
    assert read().unlabelled == 0


def test_the_page_holds_recipe_and_command() -> None:
    text = "".join(read().text)
    assert example.RECIPE.strip() in text
    assert "aifbench run recipe.yaml" in text


def test_every_metric_of_the_tables_is_defined_with_its_source() -> None:
    text = "".join(read().text)
    assert "successful operations that ended in the window ÷ window" in text
    assert "not declared" not in text


def test_what_was_found_after_the_last_trial_is_shown() -> None:
    assert "Checks after the last trial" in "".join(read().text)


def test_the_page_of_sixteen_load_points_is_under_6_mb() -> None:
    assert len(page().encode()) < 6_000_000
