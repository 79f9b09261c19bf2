from __future__ import annotations

from pathlib import Path

import pytest

from aifbench.errors import StoreError
from aifbench.store.journal import Journal, read_journal
from tests.store.test_files import in_child


@pytest.fixture
def path(tmp_path: Path) -> Path:
    journal = Journal(tmp_path / "events.jsonl")
    journal.append("one", value=1)
    journal.append("two", text="zwei\u2028\r\n")
    journal.close()
    return tmp_path / "events.jsonl"


def test_what_was_appended_is_read_again_in_order(path: Path) -> None:
    events = read_journal(path).events
    assert [(event.seq, event.kind) for event in events] == [(1, "one"), (2, "two")]
    assert events[1].data == {"text": "zwei\u2028\r\n"}


def test_numbers_go_on_after_the_journal_was_opened_again(path: Path) -> None:
    journal = Journal(path)
    assert journal.append("three").seq == 3
    journal.close()


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_journal_cut_anywhere_gives_its_whole_events_and_can_be_appended_to(path: Path, cut: int) -> None:
    path.write_bytes(path.read_bytes()[:-cut])
    before = read_journal(path).events
    journal = Journal(path)
    journal.append("after")
    journal.close()
    content = read_journal(path)
    assert content.problems == ()
    assert [event.kind for event in content.events] == [*(event.kind for event in before), "after"]


def test_a_last_line_cut_short_is_reported_with_its_place(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])
    content = read_journal(path)
    assert len(content.events) == 1
    assert f"{path}:2: the last line is cut short" in content.problems[0]


def test_garbage_in_the_middle_is_named_and_the_rest_used(path: Path) -> None:
    first, second = path.read_bytes().splitlines(keepends=True)[:2]
    path.write_bytes(first + b"\x00\xff garbage\n[1]\n" + second)
    content = read_journal(path)
    assert [event.kind for event in content.events] == ["one", "two"]
    assert [problem.split(": ")[0] for problem in content.problems] == [f"{path}:2", f"{path}:3"]


def test_garbage_at_the_end_is_cut_off_before_the_next_event(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\x00" * 4096)
    journal = Journal(path)
    assert len(journal.problems) == 1
    journal.append("three")
    journal.close()
    assert read_journal(path).problems == ()
    assert [event.kind for event in read_journal(path).events] == ["one", "two", "three"]


def test_a_full_disk_is_an_error_and_leaves_no_half_event(path: Path) -> None:
    limit = path.stat().st_size + 20

    def work() -> None:
        Journal(path).append("three", text="x" * 100)

    assert "events.jsonl: cannot write: the file size limit" in in_child(work, file_size=limit)
    assert read_journal(path).problems == ()
    assert len(read_journal(path).events) == 2


def test_no_journal_is_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot read"):
        read_journal(tmp_path / "events.jsonl")
