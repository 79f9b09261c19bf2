from __future__ import annotations

import errno
import os
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from aifbench.errors import StoreError
from aifbench.store.files import read_json, store_error, write_atomic


def in_child(work: Callable[[], None], *, uid: int | None = None, file_size: int | None = None) -> str:
    """What the StoreError says that `work` raises in a forked child with less rights or a file size limit."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        text = "no error"
        try:
            if file_size is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, resource.RLIM_INFINITY))
            if uid is not None and os.getuid() == 0:
                os.setuid(uid)
            work()
        except StoreError as error:
            text = str(error)
        except BaseException as error:
            text = f"not a StoreError: {error!r}"
        os.write(writer, text.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        text = stream.read()
    os.waitpid(child, 0)
    return text


def forbid_writing(folder: Path) -> None:
    """Nobody may write into the folder, and everybody may look for it (pytest's own folders are private)."""
    folder.chmod(0o555)
    for parent in folder.parents:
        if parent.is_relative_to(tempfile.gettempdir()) and parent != Path(tempfile.gettempdir()):
            parent.chmod(parent.stat().st_mode | 0o055)


def test_a_file_is_replaced_as_a_whole_and_no_temporary_file_stays(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a.json", "old")
    write_atomic(tmp_path / "a.json", "new")
    assert (tmp_path / "a.json").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_when_the_disk_is_full_the_old_content_stays(tmp_path: Path) -> None:
    """RLIMIT_FSIZE stands in for the full disk: the write is refused in the middle."""
    write_atomic(tmp_path / "a.json", "old")
    text = in_child(lambda: write_atomic(tmp_path / "a.json", "x" * 100_000), file_size=4096)
    assert "a.json: cannot write: the file size limit" in text
    assert "hint:" in text
    assert (tmp_path / "a.json").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_folder_without_write_permission_is_named(tmp_path: Path) -> None:
    forbid_writing(tmp_path)
    text = in_child(lambda: write_atomic(tmp_path / "a.json", "x"), uid=65534)
    assert "a.json: cannot write: permission denied" in text


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EACCES, errno.EFBIG])
def test_each_refusal_of_a_file_system_says_what_to_do_next(number: int) -> None:
    error = store_error(OSError(number, os.strerror(number)), "/data/run")
    assert error.where == "/data/run"
    assert error.hint


def test_damaged_json_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('{\n "a": ]\n}')
    with pytest.raises(StoreError, match=r"plan\.json:2: not valid JSON"):
        read_json(tmp_path / "plan.json")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StoreError, match="not a text file"):
        read_json(tmp_path / "plan.json")
