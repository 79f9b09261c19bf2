"""One small real run, and every command that looks at it, goes on with it or deletes it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aifbench.cli.planning import plan_recipe
from aifbench.clock import monotonic_ns, sleep_s
from aifbench.runner.run import create
from aifbench.store.find import run_ids
from tests.cli.calling import call

RECIPE = """\
name: small
services:
  dir: {uses: directory}
workloads:
  disk:
    uses: file
    target: dir
    pattern: rand-read
    block_size: 4KiB
    file_size: 1MiB
    load: {arrival: closed, concurrency: 1, duration: 1s, warmup: 0s}
trials: 1
"""
LONG = ("--set", "workloads.disk.load.duration=60s", "--set", "trials=2")


class Place:
    """A folder with a recipe and runs, and a program to call in it."""

    def __init__(self, folder: Path) -> None:
        self.runs = folder / "runs"
        self.recipe = folder / "small.yaml"
        self.recipe.write_text(RECIPE)
        self.said = ("", "")
        self.environment = {**os.environ, "AIFBENCH_RUNS": str(self.runs), "AIFBENCH_HOME": str(folder / "home")}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "aifbench", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            start_new_session=True,
        )

    def call(self, *arguments: str, code: int = 0) -> tuple[str, str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        assert "Traceback" not in out + err, err
        assert process.returncode == code, f"{process.returncode}\n{out}\n{err}"
        return out, err

    def wait_for(self, kind: str, count: int = 1) -> str:
        """The id of the newest run, once its journal has so many events of the kind."""
        deadline = monotonic_ns() + 60 * 10**9
        while monotonic_ns() < deadline:
            for run in reversed(run_ids(self.runs)):
                if (self.runs / run / "events.jsonl").read_text().count(f'"kind": "{kind}"') >= count:
                    return run
            sleep_s(0.05)
        raise AssertionError(f"no {kind} within a minute")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A place with one finished run; its recipe's numbers may be invalid on a busy machine."""
    place = Place(tmp_path_factory.mktemp("runs"))
    place.said = place.call("run", str(place.recipe), "--allow-invalid")
    return place


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    for run in run_ids(place.runs):
        subprocess.run(
            [sys.executable, "-m", "aifbench", "stop", run, "--now"], env=place.environment, check=False, timeout=120
        )


def test_the_last_line_of_a_run_is_the_path_of_its_report(done: Place) -> None:
    out, err = done.said
    report = Path(out.splitlines()[-1])
    assert report.name == "report.html"
    assert report.is_file()
    assert "trial disk.t1 finished" in err, "progress goes to stderr"
    assert "disk" in out, "the tables go to stdout"


def test_json_is_all_that_stdout_gets(done: Place) -> None:
    out, err = done.call("run", str(done.recipe), "--allow-invalid", "--json")
    facts = json.loads(out)
    assert facts["status"] == "finished"
    assert facts["result"]["run"] == facts["run"]
    assert "trial disk.t1 finished" in err


def test_list_status_show_and_logs_tell_of_the_run(done: Place) -> None:
    rows = json.loads(done.call("list", "--json")[0])
    assert {row["name"] for row in rows} == {"small"}
    run = rows[0]["id"]
    assert f"{run}: finished, 1 of 1 trials finished" in done.call("status", run)[0]
    assert json.loads(done.call("status", "--json")[0])["run"] == run, "the newest is the default"
    assert "disk" in done.call("show", run)[0]
    assert json.loads(done.call("show", run, "--json")[0])["run"] == run
    assert "trial disk.t1 finished" in done.call("logs", run)[0]
    assert "trial disk.t1 finished" in done.call("logs", run, "--follow")[0], "a run that is over is not waited for"


def test_all_numbers_can_be_made_again_from_the_stored_samples(done: Place) -> None:
    folder = Path(done.said[0].splitlines()[-1]).parent
    before = (folder / "result.json").read_bytes()
    (folder / "result.json").unlink()
    assert done.call("report", folder.name, "--recompute")[0] == f"{folder / 'report.html'}\n"
    assert (folder / "result.json").read_bytes() == before


def test_logs_of_an_unknown_part_name_the_known_ones(done: Place) -> None:
    assert (
        "unknown trial 'disk.t9'; did you mean 'disk.t1'"
        in done.call("logs", "latest", "--trial", "disk.t9", code=2)[1]
    )


def test_logs_of_what_was_never_started_say_so(capsys: pytest.CaptureFixture[str], tmp_path: Path, done: Place) -> None:
    folder = create(plan_recipe(str(done.recipe), (), None).plan, RECIPE, "", tmp_path)
    answer = call(capsys, "logs", str(folder.path), "--trial", "disk.t1")
    assert (answer.code, answer.err) == (2, "aifbench: the trial disk.t1 was not started in this run\n")


def test_every_report_format_is_written(done: Place, tmp_path: Path) -> None:
    paths = [Path(line) for line in done.call("report", "latest", "--format", "all")[0].splitlines()]
    assert {path.suffix for path in paths} >= {".html", ".md", ".json", ".csv", ".parquet"}
    assert all(path.is_file() for path in paths)
    target = tmp_path / "mine.csv"
    done.call("report", "latest", "--format", "csv", "--out", str(target))
    assert target.read_text().count("\n") > 1
    assert "disk" in done.call("report", "latest", "--format", "markdown", "--out", "-")[0]


def test_a_report_needs_a_format_that_exists(done: Place) -> None:
    assert "'markdown'" in done.call("report", "latest", "--format", "markdwn", code=2)[1]


def test_resume_of_a_finished_run_changes_nothing(done: Place) -> None:
    run = json.loads(done.call("list", "--json")[0])[0]["id"]
    journal = done.runs / run / "events.jsonl"
    before = journal.read_bytes()
    _, err = done.call("resume", run)
    assert "nothing is left to do" in err
    assert journal.read_bytes() == before


def test_the_index_is_rebuilt_from_the_folders(done: Place) -> None:
    before = done.call("list", "--json")[0]
    index = json.loads(done.call("index", "rebuild", "--json")[0])
    assert index["runs"] == len(json.loads(before))
    assert done.call("list", "--json")[0] == before


def test_rm_asks_and_deletes(fresh: Place, done: Place) -> None:
    run = json.loads(done.call("list", "--json")[0])[0]["id"]
    _, err = done.call("rm", run, code=2)
    assert "--yes" in err
    assert (done.runs / run).is_dir()
    done.call("rm", run, "--yes")
    assert not (done.runs / run).exists()
    assert run not in done.call("list")[0]


@pytest.mark.parametrize("command", ["show", "status", "logs", "report", "resume", "stop"])
def test_an_unknown_run_is_a_store_error(capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str) -> None:
    answer = call(capsys, command, "20200101-000000-none-0000", "--runs", str(tmp_path))
    assert answer.code == 7
    assert "no run" in answer.err


def test_ctrl_c_ends_in_order_keeps_what_was_measured_and_resume_goes_on(fresh: Place) -> None:
    process = fresh.start("run", str(fresh.recipe), "--set", "trials=2", "--set", "workloads.disk.load.duration=2s")
    run = fresh.wait_for("trial-started", 2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert f"aifbench resume {run}" in err
    status = json.loads(fresh.call("status", run, "--json")[0])
    assert (status["status"], status["trials_finished"], status["controller"]) == ("interrupted", 1, None)
    said, complaint = fresh.call("resume", run, "--allow-invalid", "--quiet")
    assert (said, complaint) == (f"{fresh.runs / run / 'report.html'}\n", ""), "quiet: the path and nothing else"
    journal = (fresh.runs / run / "events.jsonl").read_text()
    assert journal.count('"kind": "trial-finished"') == 2
    assert out is not None


def test_a_detached_run_goes_on_and_can_be_watched_and_stopped_from_another_shell(fresh: Place) -> None:
    out, err = fresh.call("run", str(fresh.recipe), *LONG, "--detach")
    run = Path(out.strip()).name
    assert f"aifbench stop {run}" in err
    assert fresh.wait_for("trial-started") == run
    follower = fresh.start("logs", "-f", run)
    status = json.loads(fresh.call("status", run, "--json")[0])
    assert status["status"] == "running"
    assert [trial["trial"] for trial in status["under_way"]] == ["disk.t1"]
    assert "in order" in fresh.call("stop", run)[0]
    followed, _ = follower.communicate(timeout=30)
    assert "trial disk.t1 started" in followed
    assert json.loads(fresh.call("status", run, "--json")[0])["status"] == "interrupted"
    assert not Path(f"/proc/{status['controller']['pid']}").exists()


def test_a_run_that_is_worked_on_is_not_deleted(fresh: Place) -> None:
    fresh.call("run", str(fresh.recipe), *LONG, "--detach")
    run = fresh.wait_for("trial-started")
    _, err = fresh.call("rm", run, "--yes", code=7)
    assert f"aifbench stop {run}" in err
    assert (fresh.runs / run).is_dir()
