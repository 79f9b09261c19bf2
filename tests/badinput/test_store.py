"""Run folders that are damaged, foreign, over, of another version or in use: exit code 7, the file named, nothing lost.

One good run is made; every test works on a copy of its folder. More of each kind, below the command line: tests/store.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from aifbench.store.folder import RunFolder
from tests.badinput.place import GOOD, Place, result

READERS = ("show", "status", "logs", "report")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("made"))
    place.write(GOOD)
    said = place.call("run", "r.yaml", "--allow-invalid")
    assert said.code == 0, said.err
    yield place
    place.clean()


@pytest.fixture
def copy(made: Place, place: Place) -> RunFolder:
    """The folder of a finished run, in a place of its own."""
    shutil.copytree(made.runs, place.runs)
    return place.run


def content(folder: RunFolder) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}


def cut_journal(folder: RunFolder, after: str) -> None:
    """As a controller leaves it that was killed right after its last event of that kind."""
    events = folder.read_journal().events
    last = max(event.seq for event in events if event.kind == after)
    folder.events.write_bytes(b"".join(event.line() for event in events[:last]))


# damaged


@pytest.mark.parametrize("command", READERS)
def test_a_truncated_journal_is_named_and_the_rest_of_it_used(place: Place, copy: RunFolder, command: str) -> None:
    whole = place.fork(command, copy.id)
    copy.events.write_bytes(copy.events.read_bytes()[:-10])
    said = place.fork(command, copy.id)
    assert said.code == whole.code == 0, said.err
    last = len(copy.events.read_bytes().splitlines())
    assert said.err.startswith(f'problem: {copy.events}:{last}: the last line is cut short, left out: \'{{"t": ')
    assert said.err.count("\n") == 1
    assert said.out


def test_resume_of_a_truncated_journal_names_it_repeats_no_trial_and_repairs_it(place: Place, copy: RunFolder) -> None:
    copy.events.write_bytes(copy.events.read_bytes()[:-10])
    said = place.call("resume", copy.id, "--allow-invalid")
    assert said.code == 0, said.err
    assert "the last line is cut short" in said.once(f"problem: {copy.events}:")
    assert len(place.events("trial-started")) == 2
    assert copy.read_journal().problems == ()


def test_a_truncated_parquet_file_is_named_and_the_other_trial_gives_the_numbers(place: Place, copy: RunFolder) -> None:
    """The run ended before its result was made; the file was damaged since."""
    cut_journal(copy, "trial-finished")
    damaged = copy.samples("get", 2) / "w0.parquet"
    damaged.write_bytes(damaged.read_bytes()[:900])
    copy.result.unlink()
    said = place.call("resume", copy.id)
    assert said.code == 6
    assert said.told == ["exit code 6: the load could not be generated as planned, or a result is invalid"]
    assert f"trial 2 of 2: {damaged}: cannot be read and is left out" in " ".join(said.out.split())
    (point,) = result(place)["points"]
    assert point["metrics"]["throughput"]["value"] == point["trials"][0]["metrics"]["throughput"]["value"] > 0
    assert (point["trials"][1]["metrics"], len(place.events("trial-started"))) == ({}, 2)


@pytest.mark.parametrize(
    ("name", "command", "message"),
    [
        ("plan.json", "show", "plan.json:7: not valid JSON: "),
        ("plan.json", "resume", "plan.json:7: not valid JSON: "),
        ("result.json", "show", "result.json:7: not valid JSON: "),
    ],
)
def test_a_truncated_file_that_is_needed_is_named(
    place: Place, copy: RunFolder, name: str, command: str, message: str
) -> None:
    (copy.path / name).write_bytes((copy.path / name).read_bytes()[:100])
    said = place.fork(command, copy.id)
    assert said.code == 7
    assert said.once(str(copy.path / message)).endswith("\n  hint: the file is damaged")


def test_one_damaged_run_hides_no_other_one_from_the_list(place: Place, copy: RunFolder) -> None:
    other = RunFolder(place.runs / "20200101-000000-other-0000")
    shutil.copytree(copy.path, other.path)
    other.events.write_bytes(b"")
    rows = {row["id"]: row["status"] for row in json.loads(place.fork("list", "--json").out)}
    assert rows == {copy.id: "finished", other.id: "damaged"}


# of another version, foreign, unknown, over


@pytest.mark.parametrize("command", [*READERS, "resume", "stop"])
def test_a_run_folder_of_a_newer_schema_is_refused_and_left_alone(place: Place, copy: RunFolder, command: str) -> None:
    copy.events.write_text(copy.events.read_text().replace('"schema": 1', '"schema": 99', 1))
    before = content(copy)
    said = place.fork(command, copy.id)
    assert said.code == 7
    assert said.err == (
        f"aifbench: {copy.events}: run folder schema 99 was written by a newer aifbench; this one reads up to 1\n"
        "  hint: pip install --upgrade aifbench\n"
    )
    assert content(copy) == before


@pytest.mark.parametrize("name", ["plan.json", "result.json"])
def test_a_newer_plan_or_result_is_refused(place: Place, copy: RunFolder, name: str) -> None:
    path = copy.path / name
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 99}))
    said = place.fork("show", copy.id)
    assert said.code == 7
    assert f"{path}: {path.stem} schema 99 was written by a newer aifbench" in said.err


@pytest.mark.parametrize("command", ["resume", "show", "rm"])
def test_a_foreign_folder_is_refused_and_left_alone(place: Place, command: str) -> None:
    photos = place.runs / "photos"
    photos.mkdir(parents=True)
    (photos / "sea.jpg").write_bytes(b"\xff\xd8")
    said = place.fork(command, str(photos), *(["--yes"] if command == "rm" else []))
    assert said.code == 7
    assert said.err == (
        f"aifbench: {photos}: not a run folder of aifbench: it has no plan.json and no events.jsonl\n"
        "  hint: aifbench list shows the runs there are\n"
    )
    assert (photos / "sea.jpg").read_bytes() == b"\xff\xd8"


def test_resume_of_an_unknown_run_names_the_nearest(place: Place, copy: RunFolder) -> None:
    said = place.fork("resume", copy.id[:-1] + "~")
    assert said.code == 7
    assert said.err.startswith(f"aifbench: {place.runs}: unknown run '{copy.id[:-1]}~'; nearest: {copy.id}\n  hint: ")


def test_resume_of_a_finished_run_says_so_and_changes_nothing(place: Place, copy: RunFolder) -> None:
    before = content(copy)
    said = place.fork("resume", copy.id)
    assert said.code == 0
    assert said.told == [f"run {copy.id} is over: it finished; nothing is left to do"]
    assert content(copy) == before


# in use, not to be written


def test_two_controllers_never_work_in_one_folder(place: Place) -> None:
    place.write(GOOD.replace("500ms", "60s"))
    first = place.start("run", "r.yaml")
    place.wait_for("trial-started")
    run = place.run
    for command in (("resume", run.id), ("rm", run.id, "--yes")):
        said = place.fork(*command)
        assert said.code == 7
        assert f"by process {first.pid} on " in said.err
        assert f"aifbench stop {run.id}" in said.err.splitlines()[-1]
        assert said.err.count("\n") == 2
    assert first.poll() is None, "the first one goes on"
    assert len(place.events("run-started")) == 1
    assert place.fork("stop", run.id).code == 0
    assert place.end(first).code == 130


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        (
            "r.yaml/runs",
            "r.yaml/runs: cannot create the folder: a part of this path is a file, not a folder\n  hint: choose",
        ),
        ("/proc/runs", "/proc/runs: cannot create the folder: "),
    ],
)
def test_runs_that_cannot_be_written_are_refused_before_anything_is_started(
    place: Place, runs: str, message: str
) -> None:
    """As root permissions bind nobody, hence a path below a file and one in a file system without files of ours."""
    place.write()
    said = place.fork("run", "r.yaml", "--runs", runs)
    assert said.code == 7
    assert message in said.err
    assert "--runs" in said.err.splitlines()[-1], "the next step"
    assert place.running() == []


def test_a_folder_of_runs_that_is_a_file_is_a_wrong_command_line(place: Place) -> None:
    path: Path = place.write()
    said = place.fork("run", str(path), "--runs", str(path))
    assert said.code == 2
    assert said.err.splitlines()[-1] == f"Error: Invalid value for '--runs': Directory '{path}' is a file."
