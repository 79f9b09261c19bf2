from __future__ import annotations

import json
from pathlib import Path

import pytest

from aifbench.errors import StoreError
from aifbench.store.find import find_run, run_ids, runs_root
from aifbench.store.folder import RunFolder, check_folder, create_folder, slug
from tests.store.plans import small_plan
from tests.store.test_files import forbid_writing, in_child


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return create_folder(tmp_path / "runs", small_plan(), "name: small\n", "name: local\n")


def test_a_new_run_folder_holds_recipe_site_plan_and_a_journal(folder: RunFolder) -> None:
    assert folder.recipe.read_text() == "name: small\n"
    assert folder.site.read_text() == "name: local\n"
    assert folder.read_plan() == small_plan()
    assert [event.kind for event in folder.read_journal().events] == ["run-created"]
    assert {path.name for path in folder.path.parent.iterdir()} == {folder.id}


def test_two_runs_of_one_second_get_different_names(tmp_path: Path) -> None:
    made = {create_folder(tmp_path, small_plan(), "", "").id for _ in range(20)}
    assert len(made) == 20


def test_a_name_becomes_safe_for_a_path() -> None:
    assert slug("Größe/../x y") == "gr-e-x-y"
    assert slug("///") == "run"


def test_a_runs_root_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    forbid_writing(tmp_path)
    text = in_child(lambda: _create(tmp_path / "runs"), uid=65534)
    assert f"{tmp_path}/runs: cannot create the folder: permission denied" in text
    assert "--runs" in text


def _create(root: Path) -> None:
    create_folder(root, small_plan(), "", "")


def test_a_full_disk_leaves_no_half_made_run_folder(tmp_path: Path) -> None:
    text = in_child(lambda: _create(tmp_path / "runs"), file_size=100)
    assert "the file size limit" in text
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_run_is_found_by_id_beginning_latest_and_path(folder: RunFolder) -> None:
    root = folder.path.parent
    for reference in (folder.id, folder.id[:18], "latest", str(folder.path)):
        assert find_run(root, reference).path == folder.path


def test_an_unknown_run_is_answered_with_the_nearest_names(folder: RunFolder) -> None:
    with pytest.raises(StoreError, match=f"unknown run .*; nearest: {folder.id}"):
        find_run(folder.path.parent, folder.id + "x")


def test_where_there_are_no_runs_the_message_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there are no runs here yet"):
        find_run(tmp_path / "nowhere", "latest")


def test_an_ambiguous_beginning_lists_the_candidates(folder: RunFolder) -> None:
    other = create_folder(folder.path.parent, small_plan(), "", "")
    with pytest.raises(StoreError, match="is the beginning of 2 runs") as caught:
        find_run(folder.path.parent, "2")
    assert other.id in str(caught.value)


def test_latest_is_the_youngest_also_within_one_second(tmp_path: Path) -> None:
    made = [create_folder(tmp_path, small_plan(), "", "") for _ in range(5)]
    assert find_run(tmp_path, "latest") == made[-1]


def test_a_foreign_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(StoreError, match=r"not a run folder of aifbench: it has no plan\.json and no events\.jsonl"):
        find_run(tmp_path, "photos")
    assert run_ids(tmp_path) == []


def test_a_folder_of_a_newer_layout_is_refused(folder: RunFolder) -> None:
    folder.events.write_text(folder.events.read_text().replace('"schema": 1', '"schema": 2'))
    with pytest.raises(StoreError, match="run folder schema 2 was written by a newer aifbench; this one reads up to 1"):
        check_folder(folder)


def test_a_plan_of_a_newer_schema_is_refused(folder: RunFolder) -> None:
    data = json.loads(folder.plan.read_text())
    folder.plan.write_text(json.dumps({**data, "schema": 99, "unheard": 1}))
    with pytest.raises(StoreError, match="plan schema 99 was written by a newer aifbench"):
        folder.read_plan()


def test_a_damaged_plan_is_named_with_what_is_wrong(folder: RunFolder) -> None:
    folder.plan.write_text('{"schema": 1}')
    with pytest.raises(StoreError, match=r"plan\.json: not a plan: "):
        folder.read_plan()


def test_only_what_lies_inside_the_run_folder_is_deleted(folder: RunFolder) -> None:
    with pytest.raises(StoreError, match="refused"):
        folder.forget(folder.path.parent)
    folder.samples("a", 1).mkdir(parents=True)
    folder.forget(folder.samples("a", 1))
    assert not folder.samples("a", 1).exists()


def test_a_run_is_removed_only_while_nobody_works_on_it(folder: RunFolder) -> None:
    lock = folder.take_lock()
    with pytest.raises(StoreError, match="is being worked on by process"):
        folder.remove()
    lock.release()
    folder.remove()
    assert not folder.path.exists()


def test_the_runs_root_is_what_was_given_then_the_environment_then_here(tmp_path: Path) -> None:
    assert runs_root("/a", {"AIFBENCH_RUNS": "/b"}) == Path("/a")
    assert runs_root(None, {"AIFBENCH_RUNS": "/b"}) == Path("/b")
    assert runs_root(None, {}) == Path.cwd() / "runs"
