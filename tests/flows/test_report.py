from __future__ import annotations

import errno
import os
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import update

from flows.recording import recorded_run
from flows.remarks import Remark, RemarkKind, Remarks
from flows.report import (
    Card,
    FlagLine,
    ModelLine,
    Page,
    Trouble,
    View,
    existing_report,
    render,
    sample_of,
    write_report,
)
from flows.report_data import collect_report
from flows.request import RestoreRequest
from flows.restore_archive import ingest_source, plan_work, restore_photos
from flows.summary import summarise
from flows.workplace import open_workplace
from oldphoto_core.errors import StorageError
from schemas.tables import Flag
from storage import FolderStore
from tests.flows.material import write_photos

EVIL = "<script>alert('x')</script>\"&.tif"
PIXEL = "data:image/jpeg;base64,AAAA"
COUNTS = {
    "inputs": 4,
    "already_done": 1,
    "done": 1,
    "skipped": 0,
    "quarantined": 1,
    "failed": 0,
    "pending": 1,
}


class Elements(HTMLParser):
    """Collects every element with its attributes, and complains about unclosed ones."""

    VOID = frozenset({"meta", "img", "br", "link", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page() -> Page:
    flag = FlagLine(EVIL, "mask-share", "warning", "0.2", "0.1", f"Look at {EVIL}.")
    views = (
        View("before", "before restoration", PIXEL, 4, 3),
        View("damage", "damage coloured", PIXEL, 4, 3, "masks/a.png"),
        View("after", "after restoration", PIXEL, 4, 3, "restored/a.png"),
    )
    return Page(
        collection=f"/archives/{EVIL}",
        source=f"/scans/{EVIL}",
        destination="/results",
        run=3,
        created=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        summary=summarise(3, "ab" * 32, COUNTS, 12.0),
        recipe="ab" * 32,
        recipe_json='{"a": 1}',
        models=(ModelLine("detector", "defects", "1", "cd" * 32, "Apache-2.0"),),
        stages_off=(("faces", "faces are not refined"),),
        photos=(Card(EVIL, "done", 40, 30, "damage on 3.0 %", "restored", views, (flag,)),),
        flagged=(flag,),
        remarks=Remarks(Counter({RemarkKind.MISSING: 7}), [Remark(RemarkKind.MISSING, EVIL, "It is gone.")]),
        troubled=(Trouble(EVIL, "quarantined", "unreadable", "It is no picture. Scan it again."),),
        linked=True,
    )


def test_what_comes_from_files_is_escaped() -> None:
    text = render(page())
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_what_the_source_lacks_is_told() -> None:
    text = render(page())
    assert "It is gone." in text
    assert "Missing: 6 more." in text
    assert 'id="source"' not in render(replace(page(), remarks=Remarks()))


def test_nothing_is_fetched_from_anywhere() -> None:
    text = render(page())
    for tag, attributes in Elements(text).found:
        assert tag not in ("script", "link", "iframe", "object", "base")
        assert not any(name.startswith("on") for name in attributes)
        if tag == "img":
            assert str(attributes["src"]).startswith("data:image/")
    assert not re.search(r"https?://|@import|url\(", text)


def test_every_picture_says_what_it_shows_and_how_large_it_is() -> None:
    pictures = [attributes for tag, attributes in Elements(render(page())).found if tag == "img"]
    assert len(pictures) == 3
    for attributes in pictures:
        assert attributes["alt"]
        assert attributes["width"]
        assert attributes["height"]


def test_headings_go_down_one_level_at_a_time_and_links_lead_somewhere() -> None:
    elements = Elements(render(page())).found
    levels = [int(tag[1]) for tag, _ in elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    anchors = {f"#{attributes['id']}" for _, attributes in elements if "id" in attributes}
    targets = {str(attributes["href"]) for tag, attributes in elements if tag == "a"}
    assert {target for target in targets if target.startswith("#")} <= anchors


def test_light_and_dark_and_small_screens_are_served() -> None:
    text = render(page())
    assert "prefers-color-scheme: dark" in text
    assert 'name="viewport"' in text


def test_an_archive_without_results_has_a_report_too() -> None:
    counts = dict.fromkeys(COUNTS, 0)
    empty = replace(
        page(),
        summary=summarise(1, "ab" * 32, counts, 0.1),
        photos=(),
        flagged=(),
        troubled=(),
        models=(),
        stages_off=(),
    )
    assert "No photograph has been restored" in render(empty)


def test_a_report_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    first = write_report(page(), store)
    second = write_report(replace(page(), run=4), store)
    assert first.uri == second.uri == str(tmp_path / "report.html")
    assert "run 4" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize("kind", ["page", "empty", "quoted", "link", "broken link", "link to a folder"])
def test_a_page_that_is_not_ours_is_left_alone_and_the_report_lies_elsewhere(
    tmp_path: Path, kind: str
) -> None:
    taken, store = tmp_path / "report.html", FolderStore(tmp_path)
    other = (
        b"" if kind == "empty" else b"<!doctype html><title>Our yearly report</title>Made by oldphoto and us"
    )
    if kind == "quoted":
        other += b"." * 9000 + render(page()).encode()[:2000]
    if "link" in kind:
        taken.symlink_to(tmp_path / "theirs")
    if kind == "link to a folder":
        (tmp_path / "theirs").mkdir()
    elif kind != "broken link":
        taken.write_bytes(other)
    assert existing_report(store) is None
    for run in (3, 4):
        written = write_report(replace(page(), run=run), store)
        assert written.uri == str(tmp_path / f"reports/20260102T030400Z-run-{run}.html")
        text = Path(written.uri).read_text(encoding="utf-8")
        assert f"run {run}" in text
        links = {str(attributes["href"]) for tag, attributes in Elements(text).found if tag == "a"}
        assert {"../masks/a.png", "../restored/a.png"} <= links, "they lead from where the page lies"
        found = existing_report(store)
        assert found is not None
        assert found.uri == written.uri, "of those below reports/ the last one is meant"
    assert taken.is_symlink() == ("link" in kind)
    assert kind in ("broken link", "link to a folder") or taken.read_bytes() == other


def test_reports_of_earlier_versions_are_replaced(tmp_path: Path) -> None:
    """They have no mark in their head; all end by saying that the next run may replace them."""
    store, path = FolderStore(tmp_path), tmp_path / "report.html"
    earlier = render(page()).replace('<meta name="generator" content="oldphoto">\n', "")
    assert "generator" not in earlier
    path.write_text(earlier, encoding="utf-8")
    found = existing_report(store)
    assert found is not None
    assert found.uri == str(path)
    assert write_report(replace(page(), run=4), store).uri == str(path)
    assert "run 4" in path.read_text(encoding="utf-8")
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]


def test_a_report_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(StorageError, match=r"report\.html"):
        write_report(page(), FolderStore(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_destination_in_which_nothing_can_be_removed_either_is_told(tmp_path: Path) -> None:
    """As a disk that the system has made read-only in mid-run; here the folder became a file."""
    destination = FolderStore(tmp_path / "archive", create=True)
    destination.root.rmdir()
    destination.root.touch()
    with pytest.raises(StorageError, match=r"report\.html cannot be written"):
        write_report(page(), destination)


def test_what_a_killed_run_left_of_a_report_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as killed:
        killed.setattr(os, "fsync", full)
        killed.setattr(Path, "unlink", lambda *_, **__: None)
        with pytest.raises(StorageError, match="Free space"):
            write_report(page(), FolderStore(tmp_path))
    (left,) = tmp_path.iterdir()
    os.utime(left, (1, 1))
    assert FolderStore(tmp_path).sweep_partials() == 1


def test_a_flagged_photo_is_shown_first_and_once(
    request_: RestoreRequest, scans: Path, archive: Path
) -> None:
    """It is the first of the source, and the newest results are shown first else."""
    write_photos(scans, 3)
    taken = archive / "restored/album/photo-002.png"
    taken.parent.mkdir(parents=True)
    taken.write_bytes(b"somebody else's")
    with open_workplace(request_) as place, recorded_run(place, None) as run:
        ingest_source.fn(place, run)
        restore_photos.fn(place, run, plan_work.fn(place, run))
        shown = collect_report(place, run).photos
        with place.catalog.engine.begin() as connection:
            connection.execute(update(Flag).values(value=None))
        (unmeasured,) = collect_report(place, run).flagged
    assert (unmeasured.value, unmeasured.threshold) == ("–", "0")
    assert [photo.key for photo in shown] == ["album/photo-002.png", "photo-001.jpg", "photo-000.png"]
    assert [flag.code for flag in shown[0].flags] == ["name-conflict"]


def test_the_sample_is_a_photo_with_a_result() -> None:
    shown = page()
    unfinished = replace(shown.photos[0], key="other.tif", views=shown.photos[0].views[:1])
    sample = sample_of(replace(shown, photos=(unfinished, *shown.photos)))
    assert sample is not None
    assert sample.key == EVIL
    assert list(sample.pictures) == ["before", "damage", "after"]
    assert sample_of(replace(shown, photos=(unfinished,))) is None
