"""Servers that several test modules share: started once per test process, on first use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import Running, postgres, seaweedfs


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with seaweedfs(tmp_path_factory.mktemp("seaweedfs")) as server:
        yield server
