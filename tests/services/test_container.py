"""A container for real: an image made of Debian's static busybox, run by Charliecloud."""

from __future__ import annotations

import shutil
import urllib.request
from pathlib import Path

import pytest

from tests.services.live import make, up

BUSYBOX = shutil.which("busybox")
FOLDERS = ("bin", "dev", "etc", "home", "mnt", "proc", "root", "sys", "tmp", "usr", "var")


@pytest.mark.skipif(shutil.which("ch-run") is None, reason="ch-run is not installed: apt-get install charliecloud")
@pytest.mark.skipif(BUSYBOX is None, reason="busybox is not installed: apt-get install busybox-static")
def test_a_web_server_in_an_image_answers_from_its_folder_and_ends(tmp_path: Path) -> None:
    assert BUSYBOX is not None
    image = tmp_path / "image"
    for name in FOLDERS:
        (image / name).mkdir(parents=True)
    for name in ("passwd", "group", "hosts", "resolv.conf"):
        (image / "etc" / name).touch()
    shutil.copy(BUSYBOX, image / "bin" / "busybox")
    (image / "bin" / "sh").symlink_to("busybox")
    options = {
        "command": "echo inside > {folder}/hello; exec busybox httpd -f -p 127.0.0.1:{port.http} -h {folder}",
        "image": str(image),
        "ports": ["http"],
        "ready": {"http": "http://{host}:{port.http}/hello"},
    }
    assert make("command", options).missing() == []
    with up("command", tmp_path / "folder", options) as running:
        port = running.where.ports["http"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/hello", timeout=5) as answer:
            assert answer.read() == b"inside\n"
        running.stop()
        assert not running.group_left()
