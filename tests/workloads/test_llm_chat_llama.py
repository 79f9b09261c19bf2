"""llm-chat against llama.cpp, which closes every connection after a streamed answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aifbench.model.operation import OK
from aifbench.model.service import Target
from tests.services.live import up
from tests.workloads.drive import drive_wire, make, prepare_context, worker_context


@pytest.mark.live
@pytest.mark.parametrize("stream", [True, False])
def test_one_request_right_after_the_other_never_meets_a_closed_connection(stream: bool, tmp_path: Path) -> None:
    with up("llama.cpp", tmp_path / "llm", {"parallel": 2}) as running:
        target = Target("llm", "llama.cpp", running.endpoints)
        workload = make("llm-chat", stream=stream, input_tokens=16, output_tokens=8)
        facts = workload.prepare(prepare_context(target, tmp_path / "prepared"))
        client: Any = workload.open_client(worker_context(target, facts, tmp_path / "prepared"))
        ended = drive_wire(client, 12, slots=2)
        assert [(operation.status, operation.note) for operation in ended] == [(OK, "")] * 12
        assert set(client.columns(ended)["output_tokens"]) == {8}
        client.close()
