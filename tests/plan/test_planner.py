from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from aifbench import plan, recipe
from aifbench.errors import RecipeError
from aifbench.model.codec import content_hash, from_data, to_data, to_json
from aifbench.model.plan import Plan
from tests.recipe.words import GOOD, WORDS, checked, with_chat

SITE = recipe.site.load("local")
TWO = with_chat("target: [llm, other]", "tokens: [8, 16]", "load: {concurrency: 1}", "trials: 2").replace(
    "  s3:", "  other: {uses: engine, parallel: 2}\n  s3:"
)


def planned(folder: Path, text: str) -> Plan:
    return plan.make(checked(folder, text), SITE, WORDS)


def test_one_setting_makes_one_point_named_like_its_workload(tmp_path: Path) -> None:
    made = planned(tmp_path, GOOD)
    assert [point.id for point in made.points()] == ["chat"]
    assert [trial.id for trial in made.trials()] == ["chat.t1", "chat.t2", "chat.t3"]
    assert made.points()[0].load.rate_per_s == 10
    assert made.points()[0].varied == {}


def test_a_service_is_planned_with_all_its_options_and_what_it_requires(tmp_path: Path) -> None:
    text = GOOD.replace("{uses: engine}", '{uses: engine, ready_timeout: 3s, token: "${env:T}"}')
    (service,) = planned(tmp_path, text).stages[0].services
    assert service.options == {"model": "tiny", "threads": 1, "parallel": 4, "token": "${env:T}"}
    assert (service.name, service.executor, service.ready_timeout_s) == ("llm", "local", 3)
    assert (service.secrets, service.requires) == (("T",), {"engine": ">=1"})


def test_lists_make_the_product_of_their_values_in_the_order_of_the_recipe(tmp_path: Path) -> None:
    text = with_chat("target: llm", "tokens: [8, 16]", "load: {concurrency: [1, 2]}", "prompts: {words: [3, 4]}")
    made = planned(tmp_path, text)
    assert [point.id for point in made.points()] == [f"chat.{n}" for n in range(1, 9)]
    assert made.points()[1].varied == {"tokens": 8, "prompts.words": 3, "load.concurrency": 2}
    assert made.points()[1].options["prompts"] == {"words": 3, "shared": 0.0}
    assert made.points()[7].varied == {"tokens": 16, "prompts.words": 4, "load.concurrency": 2}


def test_a_matrix_varies_options_and_load_of_its_workload(tmp_path: Path) -> None:
    text = with_chat("target: llm", "load: {duration: 3s}", "matrix: {load.rate_per_s: [1, 2], corpus: [a, b]}")
    made = planned(tmp_path, text)
    assert [(point.load.rate_per_s, point.options["corpus"]) for point in made.points()] == [
        (1, "a"),
        (1, "b"),
        (2, "a"),
        (2, "b"),
    ]


def test_variants_of_a_service_get_names_and_stages_of_their_own(tmp_path: Path) -> None:
    made = planned(tmp_path, GOOD + "matrix: {services.llm.parallel: [1, 2]}\n")
    assert [[service.name for service in stage.services] for stage in made.stages] == [["llm.1"], ["llm.2"]]
    assert [stage.services[0].options["parallel"] for stage in made.stages] == [1, 2]
    assert [(point.id, point.target) for point in made.points()] == [("chat.1", "llm.1"), ("chat.2", "llm.2")]
    assert made.points()[1].varied == {"services.llm.parallel": 2}


def test_a_list_in_a_sweeping_key_of_a_service_makes_variants_too(tmp_path: Path) -> None:
    made = planned(tmp_path, GOOD.replace("{uses: engine}", "{uses: engine, threads: [1, 2]}"))
    assert [stage.services[0].options["threads"] for stage in made.stages] == [1, 2]


def test_services_that_no_variant_touches_keep_their_name(tmp_path: Path) -> None:
    made = planned(tmp_path, TWO + "matrix: {services.llm.parallel: [1, 2]}\n")
    assert [[service.name for service in stage.services] for stage in made.stages] == [
        ["llm.1", "other"],
        ["llm.2", "other"],
    ]


def test_variants_that_are_compared_are_interleaved_a_b_b_a(tmp_path: Path) -> None:
    made = planned(tmp_path, TWO)
    assert [trial.id for trial in made.trials()] == [
        "chat.1.llm.t1",
        "chat.1.other.t1",
        "chat.2.llm.t1",
        "chat.2.other.t1",
        "chat.2.other.t2",
        "chat.2.llm.t2",
        "chat.1.other.t2",
        "chat.1.llm.t2",
    ]
    assert made.points()[1].varied == {"tokens": 8, "target": "other"}


def test_variants_that_are_compared_get_the_same_seed_and_no_others_do(tmp_path: Path) -> None:
    seeds = {trial.id: trial.seed for trial in planned(tmp_path, TWO).trials()}
    assert seeds["chat.1.llm.t1"] == seeds["chat.1.other.t1"]
    assert len(set(seeds.values())) == len(seeds) / 2


def test_consecutive_workloads_with_the_same_services_share_a_stage(tmp_path: Path) -> None:
    more = """\
  again: {uses: ask, target: llm, load: {concurrency: 1}}
  put: {uses: put, target: s3, bytes: 1KiB}
  last: {uses: ask, target: llm, load: {concurrency: 1}}
"""
    made = planned(tmp_path, GOOD + more)
    assert [[point.id for point in stage.points] for stage in made.stages] == [["chat", "again"], ["put"], ["last"]]


def test_points_share_a_preparation_when_their_data_are_the_same(tmp_path: Path) -> None:
    text = with_chat("target: llm", "tokens: [1, 2]", "matrix: {corpus: [a, b]}", "load: {concurrency: 1}")
    made = planned(tmp_path, text)
    assert [point.preparation for point in made.points()] == ["chat-data.1"] * 2 + ["chat-data.2"] * 2
    assert [one.options["corpus"] for one in made.stages[0].preparations] == ["a", "b"]
    assert made.estimate.disk_bytes == 2000


def test_targets_that_are_compared_are_prepared_with_the_same_data(tmp_path: Path) -> None:
    one, two = planned(tmp_path, TWO).stages[0].preparations
    assert (one.target, two.target) == ("llm", "other")
    assert one.seed == two.seed


def test_an_address_becomes_an_external_service(tmp_path: Path) -> None:
    made = planned(tmp_path, with_chat("target: {url: http://h, protocol: openai}", "load: {concurrency: 1}"))
    (service,) = made.stages[0].services
    assert (service.name, service.uses) == ("chat-target", "external")
    assert service.options == {"url": "http://h", "protocol": "openai", "attributes": {}}
    assert made.points()[0].target == "chat-target"


def test_the_estimate_counts_what_rates_fix(tmp_path: Path) -> None:
    estimate = planned(tmp_path, GOOD).estimate
    assert (estimate.load_s, estimate.operations, estimate.points, estimate.trials) == (105, 1050, 1, 3)


def test_the_estimate_does_not_guess_what_a_closed_loop_will_do(tmp_path: Path) -> None:
    estimate = planned(tmp_path, GOOD.replace("rate_per_s: 10", "concurrency: 4")).estimate
    assert (estimate.load_s, estimate.operations) == (105, None)


def test_values_that_do_not_go_together_are_found_with_their_combination(tmp_path: Path) -> None:
    text = with_chat("target: llm", "tokens: [8, 4, 2]", "least: [1, 3]", "load: {concurrency: 1}")
    with pytest.raises(RecipeError) as caught:
        planned(tmp_path, text)
    (problem,) = caught.value.problems
    assert problem.message == "least is 3, which is more than tokens (2) (with tokens=2, least=3)"


def test_a_huge_sweep_is_refused(tmp_path: Path) -> None:
    many = "[" + ", ".join(str(n) for n in range(1, 202)) + "]"
    with pytest.raises(RecipeError, match=r"r\.yaml:6:3: workloads\.chat: the recipe makes 40,401 load points"):
        planned(tmp_path, with_chat("target: llm", f"tokens: {many}", f"load: {{concurrency: {many}}}"))


def test_too_many_trials_are_refused(tmp_path: Path) -> None:
    many = "[" + ", ".join(str(n) for n in range(1, 102)) + "]"
    with pytest.raises(RecipeError, match="the recipe makes 101,000 trials"):
        planned(tmp_path, with_chat("target: llm", "trials: 1000", f"load: {{concurrency: {many}}}"))


def test_ten_thousand_points_resolve_each_load_and_each_group_of_options_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What makes large sweeps cheap to plan: work grows with the values, not with their product."""
    from aifbench.plan import settings

    many = "[" + ", ".join(str(n) for n in range(1, 101)) + "]"
    made = checked(tmp_path, with_chat("target: llm", f"tokens: {many}", f"load: {{concurrency: {many}}}", "trials: 1"))
    calls: list[str] = []

    def counted(name: str) -> None:
        real: Callable[..., object] = getattr(settings, name)

        def call(*given: object) -> object:
            calls.append(name)
            return real(*given)

        monkeypatch.setattr(settings, name, call)

    counted("resolve")
    counted("options_of")
    assert plan.make(made, SITE, WORDS).estimate.points == 10_000
    assert (calls.count("resolve"), calls.count("options_of")) == (100, 100)


def test_a_plan_survives_being_stored(tmp_path: Path) -> None:
    made = planned(tmp_path, TWO)
    assert from_data(Plan, to_data(made)) == made


def test_the_seed_of_the_recipe_changes_every_seed(tmp_path: Path) -> None:
    one, two = planned(tmp_path, TWO), planned(tmp_path, TWO + "seed: 2\n")
    pairs = zip(one.trials(), two.trials(), strict=True)
    assert all(first.seed != second.seed for first, second in pairs)


@hypothesis(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    tokens=st.lists(st.integers(1, 99), min_size=1, max_size=4),
    rates=st.lists(st.integers(1, 99), min_size=1, max_size=4),
    trials=st.integers(1, 4),
    seed=st.integers(0, 10**10),
)
def test_an_equal_recipe_and_site_give_the_byte_identical_plan(
    tmp_path: Path, tokens: list[int], rates: list[int], trials: int, seed: int
) -> None:
    text = with_chat("target: [llm, other]", f"tokens: {tokens}", f"trials: {trials}", f"load: {{rate_per_s: {rates}}}")
    text = text.replace("  s3:", "  other: {uses: engine}\n  s3:") + f"seed: {seed}\n"
    one, two = planned(tmp_path, text), planned(tmp_path, text)
    assert to_json(one) == to_json(two)
    assert content_hash(one) == content_hash(two)
    assert len({point.id for point in one.points()}) == len(tokens) * len(rates) * 2
    assert len({trial.id for trial in one.trials()}) == one.estimate.trials
