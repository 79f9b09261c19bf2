"""What may stand in a recipe, or be one, and is wrong: exit code 3, every mistake with its place, nothing begun.

Every case is given to `aifbench run`. More of each kind, without the command line: tests/recipe.
"""

from __future__ import annotations

import pytest

from tests.badinput.place import GOOD, Place

DEEP = "[" * 1_500
BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + above] * 10)}]\n" for above, name in zip("abcdefghi", "bcdefghij", strict=True)
)

FILES: dict[str, tuple[str | bytes, str]] = {
    # broken YAML
    "tab": ("name: x\n\tseed: 1\n", "r.yaml:2:1: not valid YAML: found character '\\t'"),
    "open quote": ('name: "x\nseed: 1\n', "r.yaml:3:1: not valid YAML: the file ends inside a quoted text"),
    "open bracket": (GOOD.replace("2ms}", "2ms"), "r.yaml:4:10: not valid YAML: expected ',' or '}'"),
    "indentation": ("name: x\n  seed: 1\n", "r.yaml:2:7: not valid YAML: a second ': ' on one line"),
    "a key twice": (GOOD + "trials: 3\n", "r.yaml:11:1: the key 'trials' is here twice (first on line 10)"),
    "a tag": ("name: !!python/name:os.system\n", "r.yaml:1:7: the tag !!python/name:os.system means nothing here"),
    "two documents": (GOOD + "---\n" + GOOD, "r.yaml:11:1: a second YAML document starts here"),
    "a list": ("- a\n- b\n", "r.yaml:1:1: got a list, expected `key: value` lines"),
    "nothing": ("# only a comment\n", "r.yaml: is empty"),
    # too much
    "alias bomb": (BOMB, "r.yaml: has 12,345,679,021 values once its aliases are written out; the limit is 100,000"),
    "alias of itself": ("a: &a [*a]\n", "r.yaml: an anchor contains an alias of itself"),
    "deep nesting": (DEEP, "r.yaml: is nested too deeply"),
    "50 MB": (GOOD.encode() + b"# " + b"x" * (50 << 20), "r.yaml: is larger than 1 MiB, which no recipe is"),
    # no text
    "a program": (b"\x7fELF\x02\x01\x01\0\0\0\0", "r.yaml: is a binary file, expected YAML text"),
    "all bytes": (bytes(range(1, 256)), "r.yaml:2:118: is not UTF-8 text: byte 0x80 at offset 127"),
    "latin-1": (b"name: small\ndescription: Gr\xf6\xdfe\n", "r.yaml:2:16: is not UTF-8 text: byte 0xf6 at offset 27"),
    "utf-16": (GOOD.encode("utf-16"), "r.yaml: is UTF-16 text, expected UTF-8"),
}

CHANGES: dict[str, tuple[str, str, str]] = {
    # unknown or misspelt keys and names
    "key": ("trials: 2", "trails: 2", "r.yaml:10:1: trails: unknown key 'trails'; did you mean 'trials'?"),
    "key of a load": (
        "50,",
        "50, wramup: 1s,",
        "r.yaml:9:47: workloads.get.load.wramup: unknown key 'wramup'; did you",
    ),
    "key of a service": (
        "first:",
        "frist:",
        "r.yaml:3:26: services.sim.frist: unknown key 'frist'; did you mean 'first'",
    ),
    "service": (
        "simulator",
        "simulater",
        "r.yaml:3:15: services.sim.uses: unknown service 'simulater'; did you mean 'sim",
    ),
    "workload": (
        "uses: http",
        "uses: htp",
        "r.yaml:6:11: workloads.get.uses: unknown workload 'htp'; did you mean 'http'",
    ),
    "target": ("get: sim", "get: smi", "r.yaml:7:13: workloads.get.target: unknown service 'smi'; did you mean 'sim'?"),
    "arrival": (
        "constant",
        "konstant",
        "r.yaml:9:21: workloads.get.load.arrival: unknown arrival process 'konstant'; did",
    ),
    "fault": ("first: 2ms", "faults: [rest]", "r.yaml:3:34: services.sim.faults: unknown fault 'rest'; did you mean"),
    "site": ("trials: 2", "site: melixina", "r.yaml:10:7: site: unknown site 'melixina'; known: local"),
    "metric": (
        "trials: 2",
        "    slo: [tftb_p50 < 3ms]",
        "r.yaml:10:11: workloads.get.slo.0: unknown metric 'tftb_p50'; did you mean 'ttfb_p50'?",
    ),
    "included file": ("trials: 2", "include: nowhere.yaml", "r.yaml:10:10: include: nowhere.yaml does not exist"),
    # wrong types and units
    "text for a rate": (
        "50,",
        "fast,",
        "r.yaml:9:43: workloads.get.load.rate_per_s: 'fast' is not a rate; write a number",
    ),
    "unknown unit": (
        "500ms",
        "5 parsec",
        "r.yaml:9:57: workloads.get.load.duration: '5 parsec' is not a duration; write",
    ),
    "another unit": (
        "500ms",
        "64KiB",
        "r.yaml:9:57: workloads.get.load.duration: '64KiB' is not a duration; write a num",
    ),
    "keys for a duration": (
        "500ms",
        "{a: 1}",
        "r.yaml:9:57: workloads.get.load.duration: got `key: value` lines, expec",
    ),
    "part of a trial": ("trials: 2", "trials: 1.5", "r.yaml:10:9: trials: got 1.5, expected a whole number"),
    "word for a number": (
        "trials: 2",
        "trials: yes",
        "r.yaml:10:9: trials: got 'yes', expected a number without quotes",
    ),
    "number for a text": ("path: /bytes/100", "path: 5", "r.yaml:8:11: workloads.get.path: got 5, expected text"),
    "number for a list": ("trials: 2", "    slo: 5", "r.yaml:10:10: workloads.get.slo: got 5, expected a list"),
    "text for a section": (
        "{uses: simulator, first: 2ms}",
        "{uses: simulator}\n  more: simulator",
        "r.yaml:4:9: services.more: got 'simulator', expected `key: value` lines",
    ),
    # settings that contradict each other
    "rate and users": (
        "50,",
        "50, concurrency: 3,",
        "r.yaml:9:47: workloads.get.load.concurrency: concurrency belongs to",
    ),
    "a body with GET": (
        "path: /bytes/100",
        "body: x",
        "r.yaml:5:3: workloads.get: got body with GET, expected a method",
    ),
    "two bodies": (
        "path: /bytes/100",
        "method: POST\n    body: x\n    body_size: 5B",
        "r.yaml:5:3: workloads.get: got body and body_size, expected one of them",
    ),
    "no rate": (" rate_per_s: 50,", "", "r.yaml:9:12: workloads.get.load.arrival: the arrival process constant needs"),
    "no target": ("    target: sim\n", "", "r.yaml:5:3: workloads.get.target: the key 'target' is missing"),
    "a target of another kind": (
        "    uses: http\n    target: sim\n    path: /bytes/100",
        "    uses: sql\n    target: sim",
        "r.yaml:7:13: workloads.get.target: the service sim speaks openai, http, but this workload asks for postgres",
    ),
    # secrets
    "missing secret": (
        "path: /bytes/100",
        'headers: {Authorization: "${env:AIFBENCH_ABSENT}"}',
        """\
r.yaml:8:30: workloads.get.headers.Authorization: the environment has no variable AIFBENCH_ABSENT
    hint: export AIFBENCH_ABSENT=… before the run""",
    ),
}


def refused(place: Place, message: str) -> None:
    said = place.fork("run", "r.yaml")
    assert said.code == 3, said.err
    assert said.err.startswith(message), said.err
    assert said.err.endswith("\n1 mistake found\n"), said.err
    assert said.out == ""
    assert not place.runs.exists(), "nothing was begun"


@pytest.mark.parametrize("name", list(FILES))
def test_a_file_that_is_no_recipe_is_refused_with_its_place(place: Place, name: str) -> None:
    """Within 1 GiB and a minute, whatever the file asks for."""
    content, message = FILES[name]
    place.write(content)
    refused(place, message)


@pytest.mark.parametrize("name", list(CHANGES))
def test_one_wrong_value_is_named_with_its_place_and_what_would_be_right(place: Place, name: str) -> None:
    old, new, message = CHANGES[name]
    place.broken(old, new)
    refused(place, message)


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(place: Place) -> None:
    place.write(GOOD.replace("first: 2ms", "frist: 2ms").replace("500ms", "-1").replace("trials", "trails"))
    said = place.fork("run", "r.yaml")
    assert [line.split(": ")[0] for line in said.err.splitlines()] == [
        "r.yaml:3:26", "r.yaml:9:57", "r.yaml:10:1", "3 mistakes found",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "message"),
    [(".", ".: cannot be read: is a directory"), ("/dev/zero", "/dev/zero: is larger than 1 MiB, which no recipe is")],
)
def test_what_is_no_file_is_refused(place: Place, path: str, message: str) -> None:
    said = place.fork("run", path)
    assert (said.code, said.err.splitlines()[0]) == (3, message)


def test_a_secret_that_is_there_is_in_no_stored_file(place: Place) -> None:
    """It is only refused when it is missing; its value reaches nothing but the request."""
    place.broken("path: /bytes/100", 'headers: {Authorization: "${env:AIFBENCH_ABSENT}"}\n    path: /bytes/100')
    said = place.call("run", "r.yaml", "--allow-invalid", "--set", "trials=1", env={"AIFBENCH_ABSENT": "opensesame"})
    assert said.code == 0, said.err
    assert b"opensesame" not in b"".join(path.read_bytes() for path in place.runs.rglob("*") if path.is_file())
    assert "opensesame" not in said.out + said.err
