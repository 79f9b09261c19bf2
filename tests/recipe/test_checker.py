from __future__ import annotations

from pathlib import Path

import pytest

from aifbench import recipe
from aifbench.errors import RecipeError
from tests.recipe.words import GOOD, checked, with_chat, wrong


def test_a_good_recipe_is_taken_as_it_is(tmp_path: Path) -> None:
    made = checked(tmp_path, GOOD)
    assert made.name == "good"
    assert made.workloads["chat"].targets == ("llm",)
    assert made.workloads["chat"].trials == 3
    assert made.services["llm"].ready_timeout_s == 120
    assert made.unused_services() == ["s3"]


def test_the_name_is_the_files_when_it_is_left_out(tmp_path: Path) -> None:
    assert checked(tmp_path, GOOD.replace("name: good\n", "")).name == "r"


def test_a_wrong_kind_of_workload_hides_no_other_mistake_of_it(tmp_path: Path) -> None:
    lines = (
        "uses: asks",
        "target: lm",
        "tokens: 16",
        "load: {rate_per_s: -2, duraton: 5s, think_time: 1s}",
        'slo: ["ttft"]',
        "trials: 0",
    )
    found = [
        one.partition(";")[0]
        for one in wrong(tmp_path, GOOD[: GOOD.index("    uses: ask")] + "".join(f"    {line}\n" for line in lines))
    ]
    assert found == [
        "7:11 workloads.chat.uses: unknown workload 'asks'",
        "8:13 workloads.chat.target: unknown service 'lm'",
        "10:24 workloads.chat.load.rate_per_s: got -2, expected more than 0",
        "10:28 workloads.chat.load.duraton: unknown key 'duraton'",
        "10:41 workloads.chat.load.think_time: think_time belongs to a closed loop, but the arrival is poisson",
        "11:11 workloads.chat.slo.0: 'ttft' is no objective",
        "12:13 workloads.chat.trials: got 0, expected at least 1",
    ]


@pytest.mark.parametrize(
    "load", ["", "    load: {duration: 5s}\n", "    load: {arrival: constant}\n", "    load: {arrival: closed}\n"]
)
def test_an_unknown_kind_of_workload_may_have_a_load_of_its_own(tmp_path: Path, load: str) -> None:
    text = "workloads:\n  chat:\n    uses: asks\n    bytes: [1, 2]\n" + load
    assert [one.partition(";")[0] for one in wrong(tmp_path, text)] == [
        "3:11 workloads.chat.uses: unknown workload 'asks'"
    ]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """\
nam: x
seed: -1
trials: 0.5
services:
  llm: {uses: engin}
  two: {uses: engine, thread: 2, parallel: 65, ready_timeout: 5 parsecs}
workloads:
  chat:
    uses: ask
    target: lm
    tokens: [16, 0, x]
    prompts: {words: 5, share: 1}
    load: {arrival: poison, rate_per_s: [2, -4], duration: yes}
    slo: ["ttft < 1%", "ttft"]
  good: {uses: asks, target: llm}
"""
    found = [one.partition("; did you mean")[0].partition(", such as")[0] for one in wrong(tmp_path, text)]
    assert found == [
        "1:1 nam: unknown key 'nam'",
        "2:7 seed: got -1, expected at least 0",
        "3:9 trials: got 0.5, expected a whole number",
        "5:15 services.llm.uses: unknown service 'engin'",
        "6:23 services.two.thread: unknown key 'thread'",
        "6:44 services.two.parallel: got 65, expected at most 64",
        "6:63 services.two.ready_timeout: '5 parsecs' is not a duration; write a number and a unit",
        "10:13 workloads.chat.target: unknown service 'lm'",
        "11:18 workloads.chat.tokens: got 0, expected at least 1",
        "11:21 workloads.chat.tokens: got 'x', expected a number without quotes",
        "12:25 workloads.chat.prompts.share: unknown key 'share'",
        "13:21 workloads.chat.load.arrival: unknown arrival process 'poison'",
        "13:45 workloads.chat.load.rate_per_s: got -4, expected more than 0",
        "13:60 workloads.chat.load.duration: 'yes' is not a duration; write a number and a unit",
        "14:24 workloads.chat.slo.1: 'ttft' is no objective",
        "15:16 workloads.good.uses: unknown workload 'asks'",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: x", "1:1 workloads: the key 'workloads' is missing"),
        ("name: x\nworkloads: {}", "2:12 workloads: got an empty mapping, expected at least 1 value"),
        ("workloads: [a]", "1:12 workloads: got a list, expected `key: value` lines"),
        ("workloads:\n  chat: 5", "2:9 workloads.chat: got 5, expected `key: value` lines"),
        ("workloads:\n  a.b: {uses: ask}", "2:3 workloads.a.b: got 'a.b', expected text that matches"),
        ("workloads:\n  chat: {target: llm}", "2:3 workloads.chat.uses: the key 'uses' is missing"),
        (GOOD + "labels: {a: 5}", "10:13 labels.a: got 5, expected text"),
        (GOOD + "name2: {a: 5}", "10:1 name2: unknown key 'name2'"),
        (GOOD.replace("good", "a b"), "1:7 name: got 'a b', expected text that matches"),
        (GOOD.replace("good", "x" * 99), "1:7 name: got"),
        (GOOD + "trials: 1000000", "10:9 trials: got 1000000, expected at most 1,000"),
        (GOOD + "seed: 99999999999999999999", "10:7 seed: got 99999999999999999999, expected at most 10,000,000,000"),
    ],
)
def test_what_is_wrong_at_the_top_is_told(tmp_path: Path, text: str, said: str) -> None:
    assert any(found.startswith(said) for found in wrong(tmp_path, text))


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("[llm, llm]", "8:19 workloads.chat.target.1: llm is here twice"),
        ("[llm, lm]", "8:19 workloads.chat.target.1: unknown service 'lm'"),
        ("s3", "8:13 workloads.chat.target: the service s3 speaks s3, but this workload asks for openai"),
        ("{url: http://x, protocol: s3}", "8:39 workloads.chat.target.protocol: the target speaks s3, but this"),
        ("{protocol: openai}", "8:5 workloads.chat.target.url: the key 'url' is missing"),
        ("{url: http://x, protocol: openai, y: 1}", "8:47 workloads.chat.target.y: unknown key 'y'"),
        ("5", "8:13 workloads.chat.target: got 5, expected"),
        ("[]", "8:13 workloads.chat.target: got an empty list, expected at least 1 value"),
    ],
)
def test_a_target_that_cannot_be_aimed_at_is_told(tmp_path: Path, target: str, said: str) -> None:
    found = wrong(tmp_path, with_chat(f"target: {target}", "load: {concurrency: 1}"))
    assert any(one.startswith(said) for one in found), found


def test_a_target_of_the_wrong_kind_comes_with_the_services_that_fit(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"hint: services here that fit: llm"):
        checked(tmp_path, with_chat("target: s3", "load: {concurrency: 1}"))


def test_a_missing_target_is_a_mistake(tmp_path: Path) -> None:
    assert wrong(tmp_path, with_chat("load: {concurrency: 1}")) == [
        "6:3 workloads.chat.target: the key 'target' is missing: which service is meant"
    ]


def test_a_key_without_value_is_not_given(tmp_path: Path) -> None:
    made = checked(tmp_path, with_chat("target: llm", "tokens:", "load: {concurrency: 1, think_time: , rate_per_s: }"))
    assert made.workloads["chat"].raw == {"load": {"concurrency": 1}}


def test_a_list_inside_a_list_is_refused(tmp_path: Path) -> None:
    found = wrong(tmp_path, with_chat("target: llm", "tokens: [[1, 2], 3]", "load: {concurrency: 1}"))
    assert found == ["9:14 workloads.chat.tokens: got a list inside a list, expected one value"]


def test_an_empty_list_is_refused(tmp_path: Path) -> None:
    found = wrong(tmp_path, with_chat("target: llm", "tokens: []", "load: {rate_per_s: []}"))
    assert found == [
        "9:13 workloads.chat.tokens: got an empty list, expected at least 1 value",
        "10:24 workloads.chat.load.rate_per_s: got an empty list, expected at least 1 value",
    ]


def test_values_that_contradict_each_other_are_told_at_the_value_that_does_it(tmp_path: Path) -> None:
    found = wrong(tmp_path, with_chat("target: llm", "tokens: [8, 4]", "least: 5", "load: {concurrency: 1}"))
    assert found == ["9:17 workloads.chat: least is 5, which is more than tokens (4)"]


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        ("{tokens: [1, 0]}", "9:26 workloads.chat.tokens: got 0, expected at least 1"),
        ("{load.duration: [1s, 0s]}", "9:34 workloads.chat.load.duration: got 0, expected a duration above 0"),
        ("{token: [1]}", "9:14 workloads.chat.token: unknown key 'token'"),
        ("{uses: [ask]}", "9:14 workloads.chat.matrix.uses: uses cannot vary"),
        ("{load: [1]}", "9:14 workloads.chat.matrix.load: expected a key of load, such as load.rate_per_s"),
        (
            "{load.concurrency: [1]}",
            "9:14 workloads.chat.matrix.load.concurrency: workloads.chat.load.concurrency is a",
        ),
        ("{tokens: 5}", "9:22 workloads.chat.matrix.tokens: got 5, expected a list"),
        ("{tokens: []}", "9:22 workloads.chat.matrix.tokens: got an empty list, expected at least 1 value"),
        ("{tokens: [[1]]}", "9:23 workloads.chat.tokens: got a list inside a list"),
    ],
)
def test_a_matrix_is_checked_value_by_value(tmp_path: Path, matrix: str, said: str) -> None:
    found = wrong(tmp_path, with_chat("target: llm", f"matrix: {matrix}", "load: {concurrency: [1, 2]}"))
    assert any(one.startswith(said) for one in found), found


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        ("{services.llm.parallel: [1, 65]}", "10:37 services.llm.parallel: got 65, expected at most 64"),
        ("{services.lm.parallel: [1]}", "10:10 matrix.services.lm.parallel: unknown service 'lm'; did you mean 'llm'?"),
        ("{services.llm: [1]}", "10:10 matrix.services.llm: expected a dotted path"),
        ("{trials: [1]}", "10:10 matrix.trials: expected a dotted path"),
        ("{workloads.chat.trials: [1]}", "10:10 matrix.workloads.chat.trials: trials cannot vary"),
        ("{workloads.chat.tokens: [1, x]}", "10:37 workloads.chat.tokens: got 'x'"),
    ],
)
def test_the_recipes_own_matrix_is_checked_too(tmp_path: Path, matrix: str, said: str) -> None:
    found = wrong(tmp_path, GOOD + f"matrix: {matrix}\n")
    assert any(one.startswith(said) for one in found), found


def test_the_same_path_in_two_matrices_is_refused(tmp_path: Path) -> None:
    text = with_chat("target: llm", "matrix: {tokens: [1]}", "load: {concurrency: 1}")
    found = wrong(tmp_path, text + "matrix: {workloads.chat.tokens: [1, 2]}\n")
    assert found == ["9:14 workloads.chat.matrix.tokens: workloads.chat.tokens is varied twice"]


def test_a_missing_secret_is_found_before_anything_starts(tmp_path: Path) -> None:
    text = GOOD.replace("{uses: engine}", '{uses: engine, token: "${env:A_TOKEN}"}')
    assert wrong(tmp_path, text, environ={"HOME": "/"}) == [
        "3:30 services.llm.token: the environment has no variable A_TOKEN"
    ]


def test_a_secret_is_never_resolved(tmp_path: Path) -> None:
    text = GOOD.replace("{uses: engine}", '{uses: engine, token: "${env:A_TOKEN}"}')
    made = checked(tmp_path, text, environ={"A_TOKEN": "very-secret"})
    assert made.services["llm"].options == {"token": "${env:A_TOKEN}"}
    assert "very-secret" not in repr(made) + recipe.to_text(made.document)


def test_a_reference_that_is_none_is_a_mistake(tmp_path: Path) -> None:
    text = GOOD.replace("{uses: engine}", '{uses: engine, token: "${env:1x}"}')
    assert wrong(tmp_path, text)[0].startswith("3:30 services.llm.token: got '${env:1x}', expected a reference")


def test_a_mistake_in_an_override_names_the_override(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"--set workloads\.chat\.tokens=0: workloads\.chat\.tokens: got 0"):
        checked(tmp_path, GOOD, ["workloads.chat.tokens=0"])


def test_a_plugin_that_cannot_be_imported_is_a_mistake_at_its_name(tmp_path: Path) -> None:
    from dataclasses import replace

    from aifbench.errors import AifbenchError
    from tests.recipe.words import WORDS, FakeTable

    class Broken(FakeTable):
        def load(self, name: str) -> object:
            raise AifbenchError(f"{name} cannot be imported")

    file = tmp_path / "r.yaml"
    file.write_text(GOOD, encoding="utf-8")
    words = replace(WORDS, workloads=Broken("workload", {"ask": None}))
    with pytest.raises(RecipeError, match=r"r\.yaml:7:11: workloads\.chat\.uses: ask cannot be imported"):
        recipe.check(recipe.load(file), words)
