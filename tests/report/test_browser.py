"""The page in a real browser: drawn, quiet, sortable, readable at 400 px."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aifbench.report import html
from tests.report import example

CHROMIUM = Path("/usr/bin/chromium")

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason="needs Chromium: apt-get install chromium (or make deps-debian)"
)

_ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-sync"]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=_ARGS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(html.render(example.result(), example.plan(), example.RECIPE), encoding="utf-8")
    return path.as_uri()


class _Opened:
    """A page whose charts are drawn, with everything it complained about or asked for."""

    def __init__(self, browser: Any, address: str, width: int, scheme: str) -> None:
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page = self.context.new_page()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(address)
        self.page.wait_for_selector("html[data-charts=drawn]", state="attached", timeout=60_000)

    def _console(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def theme(self) -> str:
        return str(self.page.evaluate("() => document.documentElement.dataset.theme"))


@pytest.fixture(scope="module")
def wide(browser: Any, address: str) -> Iterator[_Opened]:
    opened = _Opened(browser, address, 1280, "light")
    yield opened
    opened.context.close()


def test_every_chart_in_sight_is_drawn(wide: _Opened) -> None:
    drawn = wide.page.evaluate(
        "() => [...document.querySelectorAll('.plot')].filter(plot => !plot.closest('details:not([open])'))"
        ".map(plot => plot.querySelectorAll('svg.main-svg').length)"
    )
    assert len(drawn) >= 20
    assert all(count >= 1 for count in drawn)


def test_a_folded_chart_is_drawn_when_it_is_opened(wide: _Opened) -> None:
    fold = wide.page.locator("details.fold:not([open]):has(.plot)").first
    name = fold.locator(".plot").first.get_attribute("id")
    fold.locator("summary").first.click()
    wide.page.wait_for_selector(f"#{name} svg.main-svg")


def test_the_page_asks_for_nothing_but_itself(wide: _Opened, address: str) -> None:
    assert [url for url in wide.asked if url != address and not url.startswith(("data:", "blob:"))] == []


@pytest.mark.parametrize(("width", "scheme"), [(400, "dark"), (1280, "light")])
def test_the_page_never_scrolls_sideways_and_never_complains(
    browser: Any, address: str, width: int, scheme: str
) -> None:
    opened = _Opened(browser, address, width, scheme)
    opened.page.evaluate("() => document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    opened.page.wait_for_timeout(300)
    assert opened.page.evaluate("() => document.documentElement.scrollWidth") <= width
    assert opened.theme() == scheme
    assert opened.complaints == []
    opened.context.close()


def test_a_click_on_a_head_sorts_by_number_and_again_the_other_way(wide: _Opened) -> None:
    table = wide.page.locator("table", has=wide.page.locator("caption", has_text="Vector search")).first
    head = table.locator("thead th", has_text="throughput")
    index = head.evaluate("cell => cell.cellIndex")

    def values() -> list[float]:
        cells = table.locator(f"tbody tr > *:nth-child({index + 1})")
        return [float(cell) for cell in cells.evaluate_all("cells => cells.map(cell => cell.dataset.v)")]

    head.locator("button").click()
    assert values() == sorted(values())
    assert head.get_attribute("aria-sort") == "ascending"
    head.locator("button").press("Enter")
    assert values() == sorted(values(), reverse=True)


def test_missing_values_stay_last_in_both_directions(wide: _Opened) -> None:
    table = wide.page.locator("table", has=wide.page.locator("caption", has_text="Inference")).first
    head = table.locator("thead th", has_text="ttft p99")
    index = head.evaluate("cell => cell.cellIndex")
    last = table.locator(f"tbody tr:last-child > *:nth-child({index + 1})")
    for _ in range(2):
        head.locator("button").click()
        assert "n/a" in str(last.text_content())


def test_the_theme_button_turns_page_and_charts_dark_and_light(wide: _Opened) -> None:
    def grid() -> str:
        return str(wide.page.locator(".plot .gridlayer path").first.evaluate("path => getComputedStyle(path).stroke"))

    before = grid()
    button = wide.page.locator("#theme")
    button.click()
    assert wide.theme() == "light"
    button.click()
    assert wide.theme() == "dark"
    assert grid() != before
    button.click()
    assert wide.theme() == "light"
    assert grid() == before


def test_the_data_of_a_chart_are_a_table_with_its_numbers(wide: _Opened) -> None:
    fold = wide.page.locator("details.data").first
    fold.locator("summary").click()
    rows = fold.locator("tbody tr")
    rows.first.wait_for()
    told = int(str(fold.locator("summary .unit").text_content()).split()[0])
    assert rows.count() == told


def test_printing_opens_and_draws_everything(browser: Any, address: str) -> None:
    opened = _Opened(browser, address, 1000, "dark")
    opened.page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    opened.page.wait_for_timeout(500)
    undrawn = "() => [...document.querySelectorAll('.plot')].filter(p => !p.querySelector('svg.main-svg')).length"
    assert opened.page.evaluate(undrawn) == 0
    assert opened.theme() == "light"
    opened.context.close()
