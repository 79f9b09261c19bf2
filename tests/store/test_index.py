from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from aifbench.clock import monotonic_ns
from aifbench.errors import StoreError
from aifbench.store.folder import RunFolder, create_folder
from aifbench.store.index import Index, aifbench_home
from aifbench.store.journal import Event, Journal
from aifbench.store.summary import summarize
from tests.store.plans import small_plan


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("alpha", "beta", "beta"):
        folder = create_folder(tmp_path / "runs", small_plan(name), "", "")
        finish(folder)
    return tmp_path / "runs"


def finish(folder: RunFolder) -> None:
    journal = Journal(folder.events)
    journal.append("run-started")
    journal.append("trial-finished", trial="work1.t1")
    journal.append("run-finished", status="finished", validity="VALID", exit_code=0)
    journal.close()


def test_runs_are_listed_youngest_first_with_what_their_journal_says(root: Path, tmp_path: Path) -> None:
    listed = Index(tmp_path).list_runs(root)
    assert [run.id for run in listed] == sorted((path.name for path in root.iterdir()), reverse=True)
    assert {(run.status, run.trials, run.trials_finished, run.validity) for run in listed} == {
        ("finished", 2, 1, "VALID")
    }


def test_lists_are_filtered_by_name_status_and_number(root: Path, tmp_path: Path) -> None:
    index = Index(tmp_path)
    assert len(index.list_runs(root, name="beta")) == 2
    assert len(index.list_runs(root, limit=1)) == 1
    assert index.list_runs(root, status="failed") == []


def test_a_deleted_run_leaves_the_list_and_a_new_one_enters_it(root: Path, tmp_path: Path) -> None:
    index = Index(tmp_path)
    before = index.list_runs(root)
    shutil.rmtree(root / before[0].id)
    create_folder(root, small_plan("gamma"), "", "")
    assert sorted(run.name for run in index.list_runs(root)) == sorted([*(run.name for run in before[1:]), "gamma"])


@pytest.mark.parametrize("damage", [b"not a database at all" * 100, b"", b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_damaged_index_is_made_again_by_itself(root: Path, tmp_path: Path, damage: bytes) -> None:
    index = Index(tmp_path)
    before = index.list_runs(root)
    index.path.write_bytes(damage)
    assert index.list_runs(root) == before


def test_a_deleted_index_is_made_again_by_itself(root: Path, tmp_path: Path) -> None:
    index = Index(tmp_path)
    before = index.list_runs(root)
    index.path.unlink()
    assert index.list_runs(root) == before


def test_rebuilding_reads_all_run_folders_again(root: Path, tmp_path: Path) -> None:
    index = Index(tmp_path)
    index.list_runs(root)
    folder = RunFolder(next(root.iterdir()))
    journal = Journal(folder.events)
    journal.append("run-finished", status="failed")
    journal.close()
    assert index.rebuild(root) == 3
    assert [run.id for run in index.list_runs(root, status="failed")] == [folder.id]


def test_a_row_is_brought_up_to_date_when_its_run_says_so(root: Path, tmp_path: Path) -> None:
    index = Index(tmp_path)
    folder = create_folder(root, small_plan("gamma"), "", "")
    index.record(folder)
    finish(folder)
    index.record(folder)
    assert index.list_runs(root, name="gamma")[0].status == "finished"


def test_a_run_whose_controller_died_is_listed_as_stopped(root: Path, tmp_path: Path) -> None:
    folder = create_folder(root, small_plan("gamma"), "", "")
    journal = Journal(folder.events)
    journal.append("run-started")
    journal.close()
    assert Index(tmp_path).list_runs(root, name="gamma")[0].status == "stopped"
    lock = folder.take_lock()
    assert Index(tmp_path).list_runs(root, name="gamma")[0].status == "running"
    lock.release()


def test_a_run_folder_with_a_destroyed_journal_is_listed_as_damaged(root: Path, tmp_path: Path) -> None:
    folder = RunFolder(next(root.iterdir()))
    folder.events.write_bytes(b"\x00" * 100)
    assert [run.id for run in Index(tmp_path).list_runs(root, status="damaged")] == [folder.id]


def test_a_home_that_cannot_be_used_is_a_store_error_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="there is a file of that name"):
        Index(tmp_path / "file").list_runs(tmp_path)


def test_the_home_is_the_environments_or_the_users_state_folder() -> None:
    assert aifbench_home({"AIFBENCH_HOME": "/x"}) == Path("/x")
    assert aifbench_home({}) == Path.home() / ".local/state/aifbench"


def test_no_root_no_runs(tmp_path: Path) -> None:
    assert Index(tmp_path).list_runs(tmp_path / "nowhere") == []


def test_an_interrupted_run_that_goes_on_is_running_again() -> None:
    kinds = ["run-created", "run-started", "run-interrupted", "run-started"]
    events = [Event("t", seq, kind) for seq, kind in enumerate(kinds, 1)]
    assert summarize("x", events[:3], held=False).status == "interrupted"
    assert summarize("x", events, held=True).status == "running"


@pytest.mark.slow
def test_a_thousand_runs_are_listed_within_a_second_and_read_again_within_thirty(tmp_path: Path) -> None:
    template = create_folder(tmp_path / "runs", small_plan(stages=5, trials=5), "", "")
    finish(template)
    with template.events.open("ab") as stream:
        line = template.events.read_bytes().splitlines(keepends=True)[2]
        stream.write(line * 200)
    for number in range(999):
        shutil.copytree(template.path, template.path.with_name(f"20260101-000000-x-{number:04d}"))
    index = Index(tmp_path)
    started = monotonic_ns()
    assert index.rebuild(tmp_path / "runs") == 1000
    rebuilt = monotonic_ns()
    assert len(index.list_runs(tmp_path / "runs")) == 1000
    assert monotonic_ns() - rebuilt < 1_000_000_000
    assert rebuilt - started < 30_000_000_000
