"""A service made of one small program, and real executors that are closed at the end."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from aifbench.executors.local import LocalExecutor
from aifbench.services.base import SERVICES, Service

SERVER = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"fine")
    def log_message(self, *words): pass
print("starting", flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


def command(line: str | list[str], **options: Any) -> Service:
    kind = SERVICES.load("command")
    return kind("web", kind.recipe_keys.model_validate({"command": line, **options}))


def web_server() -> Service:
    ready = {"http": "http://{host}:{port.http}/", "contains": "fine"}
    return command([sys.executable, "-S", "-c", SERVER, "{port.http}"], ports=["http"], ready=ready)


@pytest.fixture
def local() -> Iterator[LocalExecutor]:
    executor = LocalExecutor()
    yield executor
    executor.close()
