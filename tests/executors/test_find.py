"""Finding what runs below a folder: for the work of a controller that died before it wrote a handle down."""

from __future__ import annotations

from pathlib import Path

from tests.executors.conftest import Twin


def test_another_controller_finds_what_runs_below_a_folder(twin: Twin) -> None:
    handle = twin.start("endless", tied=False)
    found = twin.second().find(str(twin.folder.parent))
    assert found == [handle]
    assert twin.second().stop(found)[0].ended


def test_what_has_ended_or_lies_elsewhere_is_not_found(twin: Twin) -> None:
    twin.wait(twin.start("quick"))
    twin.start("endless")
    assert [handle.name for handle in twin.executor.find(str(twin.folder))] == ["endless"]
    assert twin.executor.find(str(twin.folder / "below")) == []
    assert twin.executor.find(str(Path("/nowhere"))) == []
