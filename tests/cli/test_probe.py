"""`aifbench probe`: the recipe that is made of the words, and the same flow as `aifbench run`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aifbench.cli.planning import plan_document
from aifbench.cli.probing import split_path, values
from aifbench.recipe.loading import made
from aifbench.recipe.reader import parse
from tests.cli.calling import call
from tests.simulators import behaviour, running

KINDS = {
    "llm": ("localhost:8000", "llm-chat"),
    "http": ("localhost:8000/a?b=c", "http"),
    "grpc": ("localhost:50051", "grpc"),
    "sql": ("postgresql://me@localhost/db", "sql"),
    "s3": ("localhost:8333", "object"),
    "file": (".", "file"),
    "vector": ("localhost:8000", "vector-search"),
}


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    answer = call(capsys, "probe", *arguments, "--print-recipe")
    assert answer.code == 0, answer.err
    root = parse(answer.out, "printed")
    assert root is not None
    data: dict[str, Any] = root.data()
    return data


@pytest.mark.parametrize("kind", KINDS)
def test_the_printed_recipe_is_one_that_run_takes(capsys: pytest.CaptureFixture[str], kind: str) -> None:
    target, uses = KINDS[kind]
    data = printed(capsys, kind, target)
    plan = plan_document(made(data, "printed"), None).plan
    (point,) = plan.points()
    assert (point.uses, point.load.arrival, point.load.concurrency, point.load.duration_s) == (uses, "closed", 1, 30.0)
    assert len(plan.trials()) == 1


def test_words_become_keys_of_the_load(capsys: pytest.CaptureFixture[str]) -> None:
    words = "--rate 100/s,200 --duration 10s --warmup 2s --timeout 5s --workers 2 --timestamps user --trials 3 --seed 9"
    data = printed(capsys, "http", "localhost", *words.split(), "--slo", "ttfb_p99 < 1s")
    assert (data["seed"], data["trials"]) == (9, 3)
    assert data["workloads"]["http"]["load"] == {
        "rate_per_s": ["100/s", 200],
        "duration": "10s",
        "warmup": "2s",
        "timeout": "5s",
        "workers": 2,
        "timestamps": "user",
    }
    assert data["workloads"]["http"]["slo"] == ["ttfb_p99 < 1s"]


def test_a_number_of_requests_ends_the_load_instead_of_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    load = printed(capsys, "http", "localhost", "--requests", "7")["workloads"]["http"]["load"]
    assert load == {"concurrency": 1, "operations": 7}


def test_secrets_stay_references(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "very secret")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "secret too")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret too")
    llm = printed(capsys, "llm", "https://api.example.org/v1", "--key-env", "NO_SUCH_KEY")["services"]["target"]
    assert (llm["url"], llm["attributes"]) == ("https://api.example.org", {"api_key": "${env:NO_SUCH_KEY}"})
    sql = printed(capsys, "sql", "postgresql://me@localhost/db")
    s3 = printed(capsys, "s3", "localhost:8333")
    assert sql["services"]["target"]["attributes"] == {"password": "${env:PGPASSWORD}"}
    assert s3["services"]["target"]["attributes"]["secret_key"] == "${env:AWS_SECRET_ACCESS_KEY}"
    assert "secret t" not in json.dumps([sql, s3])
    assert "very secret" not in json.dumps([sql, s3])


def test_any_other_key_is_set_as_in_run(capsys: pytest.CaptureFixture[str]) -> None:
    data = printed(capsys, "llm", "localhost", "--set", "workloads.llm.system=be short")
    assert data["workloads"]["llm"]["system"] == "be short"


def test_faiss_needs_no_server(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "vector", "faiss")["services"]["target"] == {"uses": "faiss"}


def test_values_are_read_as_numbers_where_they_are_some() -> None:
    assert (values("8"), values("1.5"), values("1,2"), values("600/min")) == (8, 1.5, [1, 2], "600/min")


def test_a_url_is_split_into_address_and_path() -> None:
    assert split_path("localhost:80") == ("http://localhost:80", "/")
    assert split_path("https://h/a/b?c=d&e") == ("https://h", "/a/b?c=d&e")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("llm", "ftp://x"), 2, "expected an address such as http://"),
        (("sql", "localhost"), 2, "expected postgresql://"),
        (("http", "localhost", "--header", "novalue"), 2, "expected 'Name: value'"),
        (("http", "localhost", "--rate", "fast"), 3, "is not a rate"),
        (("http", "localhost", "--rate", "5", "--concurrency", "5"), 3, "concurrency"),
        (("llm", "localhost", "--key-env", "NO_SUCH_KEY"), 3, "the environment has no variable NO_SUCH_KEY"),
        (("smtp", "localhost"), 2, "No such command"),
    ],
)
def test_a_mistake_is_named_and_nothing_runs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    more = ("--runs", str(tmp_path / "runs")) if arguments[0] != "smtp" else ()
    answer = call(capsys, "probe", *arguments, *more)
    assert (answer.code, answer.out) == (code, "")
    assert said in answer.err
    assert not (tmp_path / "runs").exists()


def result(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> dict[str, Any]:
    answer = call(capsys, "probe", *arguments, "--runs", str(folder), "--json", "--allow-invalid")
    facts: dict[str, Any] = json.loads(answer.out)
    assert answer.code == 0, answer.err
    assert Path(facts["report"]).is_file()
    assert Path(facts["folder"]).parent == folder
    return facts


def test_a_probe_of_http_and_llm_is_a_run_with_folder_and_report(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with running(behaviour("5ms", "1ms")) as simulator:
        plain = result(capsys, tmp_path, "http", f"{simulator.url}/bytes/100", "--requests", "20")
        words = ("--input-tokens", "16", "--output-tokens", "8", "--rate", "50", "--duration", "1s", "--warmup", "0s")
        chat = result(capsys, tmp_path, "llm", simulator.url + "/v1", *words)
    assert plain["result"]["points"][0]["trials"][0]["counts"]["ok"] == 20
    point = chat["result"]["points"][0]
    assert point["metrics"]["ttft_p50"]["value"] >= 0.005
    assert point["metrics"]["output_tokens_mean"]["value"] == 8


def test_a_target_that_is_not_there_is_said_soon(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    answer = call(capsys, "probe", "http", "127.0.0.1:1", "--requests", "1", "--runs", str(tmp_path), "--quiet")
    assert answer.code == 5
    assert "not ready after 2.00 s: connection to 127.0.0.1:1 refused" in answer.err
