"""What launchers do before a server runs: secrets in files, half-made data, root given up."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from aifbench.services.launch import postgres, seaweedfs, tiny_model, unprivileged
from aifbench.services.launch.milvus_version import read_strings
from aifbench.services.launch.secret_file import ensure_secret


def test_a_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        first = ensure_secret(tmp_path / "new" / "word")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new" / "word").stat().st_mode) == 0o600
    assert ensure_secret(tmp_path / "new" / "word") == first
    assert ensure_secret(tmp_path / "other") != first
    assert len(first) == 32


def test_access_keys_stay_the_same_over_restarts(tmp_path: Path) -> None:
    keys = seaweedfs.ensure_keys(tmp_path)
    assert seaweedfs.ensure_keys(tmp_path) == keys
    assert keys[1] in (tmp_path / "credentials").read_text()


def test_only_a_data_directory_that_we_were_making_is_emptied(tmp_path: Path) -> None:
    data, progress = tmp_path / "data", tmp_path / "progress"
    (data / "base").mkdir(parents=True)
    (data / "PG_VERSION").write_text("18")
    postgres.clear_unfinished(data, progress)
    progress.write_text("made")
    postgres.clear_unfinished(data, progress)
    assert (data / "PG_VERSION").exists()
    progress.write_text(postgres.MAKING)
    postgres.clear_unfinished(data, progress)
    assert list(data.iterdir()) == []


def test_a_data_directory_cut_short_while_being_made_is_made_again(tmp_path: Path) -> None:
    """As after a SIGKILL in the middle of initdb."""
    from tests.services.live import up

    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("18\n")
    (tmp_path / "password").write_text("x" * 32)
    (tmp_path / "data.password.initdb").write_text(postgres.MAKING)
    with up("postgres", tmp_path) as running:
        assert running.service.describe(running.endpoints)["version"]


def test_clients_of_other_machines_are_admitted_once(tmp_path: Path) -> None:
    (tmp_path / "pg_hba.conf").write_text("local all all trust\n")
    postgres.admit_network(tmp_path)
    postgres.admit_network(tmp_path)
    assert (tmp_path / "pg_hba.conf").read_text().count("scram-sha-256") == 1


def test_users_other_than_root_keep_their_rights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(unprivileged, "enter_user_namespace", lambda: pytest.fail("not needed"))
    assert unprivileged.drop_root([], []) == ""


def test_both_reasons_are_told_when_root_cannot_be_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(unprivileged, "enter_user_namespace", lambda: "forbidden here")
    monkeypatch.setattr(unprivileged, "become_nobody", lambda owned, needed: "cannot read /x")
    assert unprivileged.drop_root([], []) == "user namespace: forbidden here; setuid: cannot read /x"


def test_every_merge_joins_two_tokens_into_a_token() -> None:
    tokens, merges, whole = tiny_model.vocabulary()
    known = set(tokens)
    assert len(known) == len(tokens)
    for merge in merges:
        left, right = merge.split(" ")
        assert {left, right, left + right} <= known
    assert len(whole) == len(tiny_model.WORDS) == len(set(tiny_model.WORDS))


def test_the_generated_model_has_the_same_bytes_every_time(tmp_path: Path) -> None:
    assert tiny_model.ensure(tmp_path / "a").read_bytes() == tiny_model.ensure(tmp_path / "b").read_bytes()


def test_strings_of_a_protobuf_message_are_found_between_other_fields() -> None:
    """Field 1: an embedded message of 2 bytes; field 3: a number; field 2: text of 3 bytes."""
    assert read_strings(b"\x0a\x02\x08\x01\x18\x96\x01\x12\x03abc")[2] == "abc"
