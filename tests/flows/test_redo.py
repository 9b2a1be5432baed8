"""Redo: what a reviewer asked for is made again, with the mask that was drawn, and nothing is overwritten."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image

from flows.rebuild import rebuild_catalog
from flows.recording import recorded_run
from flows.redo import redo
from flows.request import RestoreRequest
from flows.restore_archive import ingest_source, plan_work, restore_archive
from flows.workplace import open_workplace
from oldphoto_core.image_io import encode_mask, from_upright, to_upright
from schemas.repository import Catalog
from schemas.review_records import Decision, QueueFilter, QueueRow
from schemas.tables import Run
from storage import FolderStore
from tests.flows.material import aged_photo, fingerprints, write_weights
from tests.flows.restored import restore_inline

pytestmark = pytest.mark.usefixtures("prefect_server")

ORIENTATION = 6


@pytest.fixture
def restored(request_: RestoreRequest, scans: Path) -> RestoreRequest:
    """An archive of a turned photo and a plain one, restored."""
    exif = Image.Exif()
    exif[274] = ORIENTATION
    Image.fromarray(aged_photo(1)).save(scans / "turned.jpg", exif=exif, quality=95)
    Image.fromarray(aged_photo(2)).save(scans / "plain.png")
    restore_inline(replace(request_, collection="album"))
    return request_


def rows(catalog: Catalog) -> dict[str, QueueRow]:
    found = catalog.review_queue(QueueFilter(flagged_only=False, decision=None)).rows
    return {f"{row.key} {row.item_id}": row for row in found}


def row_of(catalog: Catalog, key: str) -> QueueRow:
    return min((row for row in rows(catalog).values() if row.key == key), key=lambda row: row.item_id)


def ask(catalog: Catalog, row: QueueRow, mask: np.ndarray | None, orientation: int = 1) -> None:  # type: ignore[type-arg]
    """Decide as the desk does: save the mask beside the others, record it, ask for a redo."""
    edit = None
    if mask is not None:
        data = encode_mask(from_upright(mask, orientation))
        assert row.mask is not None
        path = Path(row.mask).with_name(f"{Path(row.mask).stem}.edit.png")
        path.write_bytes(data)
        edit = catalog.add_mask_edit(
            row.item_id, hashlib.sha256(data).hexdigest(), str(path), "reviewer"
        ).mask_edit_id
    catalog.decide(
        row.item_id, Decision.REDO, "try again", "reviewer", row.output_sha256, row.last_review, edit
    )


def test_a_drawn_mask_becomes_a_new_result_of_a_new_recipe(restored: RestoreRequest) -> None:
    url = restored.catalog_url()
    with Catalog.open(url) as catalog:
        before = fingerprints(Path(restored.destination))
        row = row_of(catalog, "turned.jpg")
        mask = np.zeros((96, 72), bool)
        mask[10:30, 5:25] = True
        ask(catalog, row, mask, ORIENTATION)
        summary = redo(restored.destination, device="cpu")
        assert (summary.done, summary.problems, summary.waiting) == (["turned.jpg"], {}, {})

        made = max(
            (one for one in rows(catalog).values() if one.key == "turned.jpg"), key=lambda one: one.item_id
        )
        assert made.item_id != row.item_id
        assert made.recipe != row.recipe
        document = json.loads(json.dumps(catalog.history(made.item_id)["recipe_document"]))
        edit = catalog.history(row.item_id)["mask_edits"][0]
        assert document["mask"] == {"sha256": edit.sha256}
        assert made.mask is not None
        assert f"/recipes/{made.recipe[:12]}/" in made.mask
        used = to_upright(np.asarray(Image.open(made.mask)) > 127, ORIENTATION)
        assert np.array_equal(used, mask)
        assert "redone" in {flag.code for flag in made.flags}
        after = fingerprints(Path(restored.destination))
        assert {path: after[path] for path in before if "catalog.db" not in path} == {
            path: found for path, found in before.items() if "catalog.db" not in path
        }

        again = redo(restored.destination, device="cpu")
        assert (again.done, again.problems, again.waiting) == ([], {}, {})


def test_without_a_mask_it_waits_for_another_recipe(restored: RestoreRequest) -> None:
    with Catalog.open(restored.catalog_url()) as catalog:
        ask(catalog, row_of(catalog, "plain.png"), None)
        summary = redo(restored.destination, device="cpu")
        assert list(summary.waiting) == ["plain.png"]
        assert "same pixels" in summary.waiting["plain.png"]
        assert catalog.pending_redos("album")


def test_it_takes_no_work_from_a_run_that_is_under_way(restored: RestoreRequest, tmp_path: Path) -> None:
    """As while a new version goes over the archive, which comes to the photo by itself."""
    own = shutil.copytree(str(restored.weights), tmp_path / "own weights")
    album = replace(restored, collection="album", weights=str(own))
    with Catalog.open(restored.catalog_url()) as catalog:
        with catalog.engine.begin() as connection:
            connection.execute(sa.update(Run).values(parameters=album.parameters()))
        ask(catalog, row_of(catalog, "plain.png"), None)
        write_weights(own, brighter=0.1)
        with open_workplace(album) as place, recorded_run(place, None) as run:
            ingest_source.fn(place, run)
            plan_work.fn(place, run)
            summary = redo(restored.destination, device="cpu")
            assert summary.waiting == {
                "plain.png": f"run {run.id} does it with the new recipe; if that was killed, the next "
                "`oldphoto restore` will"
            }
            assert catalog.taken_over_by(run.id) is None
            assert catalog.counts(run.id)["pending"] == 2
        assert redo(restored.destination, device="cpu").done == ["plain.png"], "the run was stopped"


def restore_otherwise(request: RestoreRequest) -> None:
    """Restore the same photos by another profile."""
    restore_archive(
        request.source,
        request.destination,
        collection="album",
        profile="tones-as-scanned",
        weights=request.weights,
        executor="inline",
    )


def test_a_newer_result_ends_a_request_without_a_mask(restored: RestoreRequest, scans: Path) -> None:
    with Catalog.open(restored.catalog_url()) as catalog:
        for row in list(rows(catalog).values()):
            ask(catalog, row, None)
        Image.fromarray(aged_photo(3)).save(scans / "turned.jpg", quality=95)
        restore_otherwise(restored)
        summary = redo(restored.destination, device="cpu")
        assert (summary.done, summary.waiting, summary.problems) == ([], {}, {})
        assert sorted(summary.superseded) == ["plain.png", "turned.jpg"]
        assert "decide on that" in summary.superseded["plain.png"]
        assert catalog.pending_redos("album") == []
        assert redo(restored.destination, device="cpu").superseded == {}


def test_a_mask_is_used_although_there_is_a_newer_result(restored: RestoreRequest) -> None:
    with Catalog.open(restored.catalog_url()) as catalog:
        ask(catalog, row_of(catalog, "plain.png"), np.ones((72, 96), bool))
        restore_otherwise(restored)
        assert redo(
            restored.destination, str(Path(restored.destination, "catalog.db")), device="cpu"
        ).done == ["plain.png"]


def test_what_prevents_one_request_stops_no_other(restored: RestoreRequest, scans: Path) -> None:
    with Catalog.open(restored.catalog_url()) as catalog:
        ask(catalog, row_of(catalog, "turned.jpg"), np.zeros((5, 5), bool), 1)
        ask(catalog, row_of(catalog, "plain.png"), np.ones((72, 96), bool))
        summary = redo(restored.destination, device="cpu")
        assert summary.done == ["plain.png"]
        assert list(summary.problems) == ["turned.jpg"]
        assert [record.key for record in catalog.pending_redos("album")] == ["turned.jpg"]
        (failed,) = [one for one in catalog.show("turned.jpg")[0]["work_items"] if one["outcome"] == "failed"]
        assert "Edit the mask of this very photo" in failed["reason"]


def test_a_scan_that_changed_since_is_not_mixed_with_an_old_mask(
    restored: RestoreRequest, scans: Path
) -> None:
    with Catalog.open(restored.catalog_url()) as catalog:
        row = row_of(catalog, "plain.png")
        ask(catalog, row, np.ones((72, 96), bool))
        edit = catalog.history(row.item_id)["mask_edits"][0]
        Path(edit.uri).write_bytes(b"other bytes")
        summary = redo(restored.destination, device="cpu")
        assert "sha256" in summary.problems["plain.png"]
        assert catalog.pending_redos("album")


def test_a_request_is_let_go_only_when_something_came_of_it(
    restored: RestoreRequest, scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    master, aside = scans / "plain.png", scans.parent / "aside.png"
    with Catalog.open(restored.catalog_url()) as catalog:
        ask(catalog, row_of(catalog, "plain.png"), np.ones((72, 96), bool))
        master.rename(aside)
        for _ in range(4):
            assert "It failed" in redo(restored.destination, device="cpu").problems["plain.png"]
        aside.rename(master)
        monkeypatch.setattr(Catalog, "iter_pending", lambda *_: iter(()))
        assert "The request stays" in redo(restored.destination, device="cpu").problems["plain.png"]
        monkeypatch.undo()
        assert redo(restored.destination, device="cpu").done == ["plain.png"]
        assert catalog.pending_redos("album") == []


def test_a_request_stays_while_the_scan_is_not_what_was_recorded(
    restored: RestoreRequest, scans: Path
) -> None:
    master = scans / "plain.png"
    whole = master.read_bytes()
    with Catalog.open(restored.catalog_url()) as catalog:
        ask(catalog, row_of(catalog, "plain.png"), np.ones((72, 96), bool))
        master.write_bytes(whole[:-20])
        assert "the request stays" in redo(restored.destination, device="cpu").problems["plain.png"]
        master.write_bytes(whole)
        assert redo(restored.destination, device="cpu").done == ["plain.png"]


def test_a_rebuilt_catalog_knows_how_to_do_it_again(restored: RestoreRequest) -> None:
    for path in Path(restored.destination).glob("catalog.db*"):
        path.unlink()
    rebuild_catalog(restored.destination)
    with Catalog.open(restored.catalog_url()) as catalog:
        (run,) = catalog.runs()
        assert (run["parameters"]["source"], run["parameters"]["tier"]) == (restored.source, "restored")
        ask(catalog, row_of(catalog, "plain.png"), np.ones((72, 96), bool))
        forgotten = {"rebuilt_from": "x", "destination": restored.destination, "tier": "restored"}
        with catalog.engine.begin() as connection:
            connection.execute(sa.update(Run).values(parameters=forgotten))
        problems = redo(restored.destination, device="cpu").problems
        assert "do not tell its profile and source" in problems["plain.png"]
        with catalog.engine.begin() as connection:
            connection.execute(sa.update(Run).values(parameters=run["parameters"]))
        assert redo(restored.destination, device="cpu").done == ["plain.png"]


def test_what_a_lost_recipe_told_is_known_from_the_sidecars(restored: RestoreRequest) -> None:
    destination = Path(restored.destination)
    for path in (*destination.glob("catalog.db*"), *(destination / "recipes").glob("*.json")):
        path.unlink()
    assert rebuild_catalog(restored.destination)["photos"] == 2
    with Catalog.open(restored.catalog_url()) as catalog:
        ask(catalog, row_of(catalog, "plain.png"), np.ones((72, 96), bool))
    assert redo(restored.destination, device="cpu").done == ["plain.png"]


def test_what_was_done_again_stays_the_present_result_of_a_rebuilt_catalog(
    restored: RestoreRequest, tmp_path: Path
) -> None:
    album = replace(restored, collection="album")
    with Catalog.open(restored.catalog_url()) as catalog:
        ask(catalog, row_of(catalog, "plain.png"), np.ones((72, 96), bool))
        assert redo(restored.destination, device="cpu").done == ["plain.png"]
        restore_inline(album)
        before = catalog.show("plain.png")[0]["restored"]
    rebuilt = f"sqlite:///{tmp_path / 'rebuilt.db'}"
    rebuild_catalog(restored.destination, rebuilt)
    restore_inline(replace(album, catalog=rebuilt))
    with Catalog.open(rebuilt) as catalog:
        found = catalog.show("plain.png")[0]["restored"]
    assert "/recipes/" in before, "with the drawn mask"
    assert found == before


def test_a_moved_archive_is_done_again_where_it_lies_now(restored: RestoreRequest, tmp_path: Path) -> None:
    with Catalog.open(restored.catalog_url()) as catalog:
        ask(catalog, row_of(catalog, "plain.png"), np.ones((72, 96), bool))
    moved = replace(
        restored,
        source=str((tmp_path / "scans").rename(tmp_path / "new scans")),
        destination=str((tmp_path / "archive").rename(tmp_path / "new archive")),
        collection="album",
    )
    rebuild_catalog(moved.destination)
    restore_inline(moved)
    assert redo(moved.destination, device="cpu").done == ["plain.png"]
    assert list((tmp_path / "new archive" / "recipes").rglob("restored/plain.png"))


def test_requests_that_can_only_wait_do_not_use_up_the_limit(
    restored: RestoreRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeps: list[FolderStore] = []
    sweep = FolderStore.sweep_partials
    monkeypatch.setattr(FolderStore, "sweep_partials", lambda store: sweeps.append(store) or sweep(store))
    with Catalog.open(restored.catalog_url()) as catalog:
        ask(catalog, row_of(catalog, "turned.jpg"), None)
        ask(catalog, row_of(catalog, "plain.png"), np.ones((72, 96), bool))
        summary = redo(restored.destination, device="cpu", limit=1)
        assert (summary.done, list(summary.waiting)) == (["plain.png"], ["turned.jpg"])
        assert len(sweeps) == 1, "the destination is gone through once, not for every request"


def square(side: int) -> np.ndarray:  # type: ignore[type-arg]
    """A mask of the plain photo, drawn by hand."""
    mask = np.zeros((72, 96), bool)
    mask[5 : 5 + side, 5 : 5 + side] = True
    return mask


def present(catalog: Catalog, key: str = "plain.png") -> tuple[int, str]:
    """Return a photo's present result, and how it stands; every reader says the same."""
    (dossier,) = catalog.show(key)
    number = dossier["work_item"]
    assert catalog.history(number)["present"] == number
    undecided = {row.item_id for row in catalog.review_queue().rows}
    assert (number in undecided) == (dossier["decision"] == "undecided")
    return number, str(dossier["decision"])


def test_a_redo_without_a_mask_of_what_had_one_leads_back_to_the_first_result(
    restored: RestoreRequest,
) -> None:
    """Nothing is called done that no run made, and the photo is in the queue."""
    with Catalog.open(restored.catalog_url()) as catalog:
        first = row_of(catalog, "plain.png")
        ask(catalog, first, square(20))
        assert redo(restored.destination, device="cpu").done == ["plain.png"]
        second, _ = present(catalog)
        assert second != first.item_id
        for asked, back, mask in ((second, first.item_id, None), (first.item_id, second, square(20))):
            ask(catalog, catalog.queue_row(asked), mask)
            summary = redo(restored.destination, device="cpu")
            assert (summary.done, summary.superseded, summary.waiting, summary.problems) == ([], {}, {}, {})
            assert list(summary.gone_back) == ["plain.png"]
            assert f"work item {back}" in summary.gone_back["plain.png"]
            assert present(catalog) == (back, "undecided")
            assert catalog.pending_redos("album") == []
            restore_inline(replace(restored, collection="album"))
            assert present(catalog) == (back, "undecided"), "a nightly run changes nothing"
        assert catalog.verify_audit().problem is None


def test_the_mask_that_a_result_was_made_with_waits_for_another_recipe(restored: RestoreRequest) -> None:
    with Catalog.open(restored.catalog_url()) as catalog:
        ask(catalog, row_of(catalog, "plain.png"), square(20))
        assert redo(restored.destination, device="cpu").done == ["plain.png"]
        second, _ = present(catalog)
        ask(catalog, catalog.queue_row(second), square(20))
        for _ in range(2):
            summary = redo(restored.destination, device="cpu")
            assert (summary.done, summary.gone_back, summary.problems) == ([], {}, {})
            assert "same pixels" in summary.waiting["plain.png"]
        assert present(catalog) == (second, "redo")
        assert [record.item_id for record in catalog.pending_redos("album")] == [second]


def test_what_was_made_for_a_request_at_last_is_present_whatever_came_between(
    restored: RestoreRequest, scans: Path
) -> None:
    """A mask failed, another one was drawn, and then the former one was asked for again."""
    master, aside = scans / "plain.png", scans.parent / "aside.png"
    with Catalog.open(restored.catalog_url()) as catalog:
        first = row_of(catalog, "plain.png")
        ask(catalog, first, square(20))
        master.rename(aside)
        assert "It failed" in redo(restored.destination, device="cpu").problems["plain.png"]
        aside.rename(master)
        ask(catalog, catalog.queue_row(first.item_id), square(30))
        assert redo(restored.destination, device="cpu").done == ["plain.png"]
        between, _ = present(catalog)
        ask(catalog, catalog.queue_row(between), square(20))
        assert redo(restored.destination, device="cpu").done == ["plain.png"]
        number, decision = present(catalog)
        assert first.item_id < number < between
        assert decision == "undecided"


def test_a_run_that_was_killed_after_it_made_the_photo_has_done_it(
    restored: RestoreRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with Catalog.open(restored.catalog_url()) as catalog:
        ask(catalog, row_of(catalog, "plain.png"), square(20))
        monkeypatch.setattr(Catalog, "redo_ended", killed)
        with pytest.raises(KeyboardInterrupt):
            redo(restored.destination, device="cpu")
        monkeypatch.undo()
        summary = redo(restored.destination, device="cpu")
        assert (summary.done, summary.gone_back) == (["plain.png"], {})
        assert catalog.pending_redos("album") == []


def test_photos_of_one_key_are_told_apart(restored: RestoreRequest) -> None:
    restore_archive(
        restored.source, restored.destination, collection="copy", weights=restored.weights, executor="inline"
    )
    with Catalog.open(restored.catalog_url()) as catalog:
        for row in rows(catalog).values():
            if row.key == "plain.png":
                ask(catalog, row, None)
        waiting = redo(restored.destination, device="cpu").waiting
    assert sorted(name.split(",")[0] for name in waiting) == ["plain.png (album", "plain.png (copy"]
