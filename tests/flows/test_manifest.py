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


@pytest.mark.parametrize("source", ["", "data/"])
def test_a_bags_manifest_writes_percent_and_line_ends_in_another_way(tmp_path: Path, source: str) -> None:
    """RFC 8493, 2.1.3. Digits may be of either case; what is decoded is not decoded again."""
    names = {"50%25": "50%", "a%0Ab": "a\nb", "a%0db": "a\rb", "c/%250A": "c/%0A", "%20": "%20"}
    lines = "".join(f"{DIGEST}  data/{name}.tif\n" for name in names)
    manifest = Manifest.load(written(tmp_path, lines))
    assert [manifest.expected(f"{source}{name}.tif") for name in names.values()] == [DIGEST] * len(names)
    assert manifest.expected(f"{source} .tif") is None, "nothing else is encoded"
    assert manifest.unseen() == []


def test_a_name_as_it_is_written_is_preferred(tmp_path: Path) -> None:
    """sha256sum encodes nothing, and so do some programs that make bags."""
    other = DIGEST[::-1]
    manifest = Manifest.load(written(tmp_path, f"{DIGEST}  data/50%25.tif\n{other}  data/50%.tif\n"))
    assert (manifest.expected("50%25.tif"), manifest.expected("50%.tif")) == (DIGEST, other)
    assert manifest.unseen() == []
    plain = Manifest.load(written(tmp_path, f"{DIGEST}  50%25.tif\n"))
    assert plain.expected("50%.tif") is None, "what does not lie in data/ is of no bag"


def test_what_nobody_looks_at_in_a_bag_is_not_called_missing(tmp_path: Path) -> None:
    names = ["data/50%25.tif", "data/100%25/a.tif", "data/100%25/b/c.tif", "data/1%25.tif"]
    manifest = Manifest(dict.fromkeys(names, DIGEST), "manifest-sha256.txt")
    manifest.set_aside("50%.tif")
    manifest.set_aside("data/100%/")
    assert manifest.unseen() == ["data/1%25.tif"]


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
