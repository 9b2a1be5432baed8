from __future__ import annotations

from pathlib import Path

import pytest

from flows.manifest import Manifest
from oldphoto_core.errors import UsageError

DIGEST = "0123456789abcdef" * 4


def written(folder: Path, text: str) -> Path:
    path = folder / "manifest-sha256.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_found_under_its_key_however_it_is_written(tmp_path: Path) -> None:
    lines = f"{DIGEST}  ./a.tif\n{DIGEST.upper()} *b/c.tif\n{DIGEST}  data/d.tif\n"
    manifest = Manifest.load(written(tmp_path, lines))
    assert {manifest.expected(key) for key in ("a.tif", "b/c.tif", "d.tif")} == {DIGEST}
    assert manifest.expected("e.tif") is None
    assert manifest.unseen() == []


def test_entries_that_nobody_asked_for_are_missing_files(tmp_path: Path) -> None:
    manifest = Manifest.load(written(tmp_path, f"{DIGEST}  a.tif\n{DIGEST}  b.tif\n"))
    manifest.expected("a.tif")
    assert manifest.unseen() == ["b.tif"]


def test_what_nobody_looks_at_is_not_called_missing(tmp_path: Path) -> None:
    """One file, or all below a folder; a name that only begins like it is another. Hidden files neither."""
    names = ["a.tif", "box/b.tif", "data/box/c.tif", "boxer/d.tif", "old box/box/e.tif", ".DS_Store", "f.tif"]
    manifest = Manifest(dict.fromkeys(names, DIGEST), "manifest")
    manifest.set_aside("a.tif")
    manifest.set_aside("box/")
    assert manifest.unseen() == ["boxer/d.tif", "f.tif", "old box/box/e.tif"]


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "abc  a.tif\n", f"{DIGEST}\n", "d41d8cd98f00b204e9800998ecf8427e  a\n"]
)
def test_what_is_no_sha256_manifest_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="manifest"):
        Manifest.load(written(tmp_path, text))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "manifest-sha256.txt"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError):
        Manifest.load(path)
