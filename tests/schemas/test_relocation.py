"""Laws of following a moved destination: addresses change, and nothing else; and only for the recorded bytes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from schemas.rebuild_records import LostRuns, RebuiltPhoto, Taken
from schemas.records import DerivativeRecord, MaskRecord, OutcomeRecord, PendingItem
from schemas.repository import Catalog
from schemas.tables import Derivative, Location, Mask, MaskEdit
from tests.schemas.archive import Archive, digest, done, photo

LATER = datetime(2999, 1, 1, tzinfo=UTC)


def files(root: str, stem: str) -> tuple[DerivativeRecord, ...]:
    """What a result is made of, below a root."""

    def file(kind: str, folder: str, tier: str | None = None) -> DerivativeRecord:
        return DerivativeRecord(kind, tier, f"{root}/{folder}/{stem}.x", digest(f"{folder} {stem}"), 9, "x/x")

    return file("restored", "restored", "enhanced"), file("mask", "masks"), file("sidecar", "sidecars")


def result(item: PendingItem, root: str = "/old") -> OutcomeRecord:
    made = files(root, item.derivative_stem)
    return done(item, derivatives=made, mask=MaskRecord(0.1, 1, made[1].uri, made[1].sha256))


def rebuilt(archive: Archive, key: str, root: str, **more: Any) -> RebuiltPhoto:
    """A photo as its sidecar below a root tells of it."""
    stem = key.partition(".")[0]
    known = photo(key)
    outcome = OutcomeRecord(0, "done", tier="enhanced", derivatives=files(root, stem))
    values = {"key": key, "stem": stem, "prefix": "", "uri": known.uri, "sha256": known.sha256}
    values |= {"size": 5, "recipe": archive.recipe_sha, "at": LATER, "header": {}, "warnings": ()}
    return RebuiltPhoto(**{**values, "outcome": outcome, **more})


def take_back(archive: Archive, photos: list[RebuiltPhoto]) -> Taken:
    """Take photos back in a batch of its own; what it says of its run is left to those who ask for it."""
    return replace(archive.catalog.take_back(lost(archive), None, photos), run=None)


def lost(archive: Archive) -> LostRuns:
    """The runs of an archive, of which one is to stand for all."""
    catalog = archive.catalog
    return catalog.begin_rebuild(archive.collection, archive.recipe_sha, archive.document, [], "/new", {})


def addresses(catalog: Catalog, table: type[Derivative | Mask | MaskEdit]) -> list[str]:
    with catalog.engine.connect() as connection:
        return sorted(uri for uri in connection.scalars(sa.select(table.uri)) if uri)


def test_a_known_result_is_where_its_sidecar_lies(catalog: Catalog) -> None:
    archive = Archive(catalog)
    archive.run([photo("a.tif"), photo("b.tif")], result)
    (row,) = catalog.show("a.tif")
    catalog.add_mask_edit(row["work_item"], digest("drawn"), "/old/masks/a.edit-1.png", "ada")
    catalog.add_mask_edit(row["work_item"], digest("other"), "/elsewhere/a.png", "ada")
    moved = [rebuilt(archive, key, "/new") for key in ("a.tif", "b.tif")]
    taken = take_back(archive, moved)
    assert (taken.photos, taken.known, taken.relocated) == (0, 2, 2)
    assert addresses(catalog, Derivative) == sorted(
        file.uri for stem in "ab" for file in files("/new", stem)
    ), "each once"
    assert addresses(catalog, Mask) == ["/new/masks/a.x", "/new/masks/b.x"]
    assert addresses(catalog, MaskEdit) == ["/elsewhere/a.png", "/new/masks/a.edit-1.png"]
    again = take_back(archive, moved)
    assert (again.photos, again.known, again.relocated) == (0, 2, 0)


def test_a_sidecar_does_not_say_better_how_large_known_bytes_are(catalog: Catalog) -> None:
    """Those of the first version do not say it at all."""
    archive = Archive(catalog)
    archive.run([photo("a.tif")], result)
    copy = rebuilt(archive, "copy of a.tif", "/new", sha256=digest("a.tif"), size=0)
    assert take_back(archive, [copy]).photos == 1
    for key in ("a.tif", "copy of a.tif"):
        content = catalog.show(key)[0]["content"]
        assert content is not None
        assert content["size"] == 5


def test_other_bytes_are_not_followed(catalog: Catalog) -> None:
    archive = Archive(catalog)
    archive.run([photo("a.tif")], result)
    before = addresses(catalog, Derivative)
    restored, mask, sidecar = files("/new", "a")
    another = (restored, mask, replace(sidecar, sha256=digest("another collection's")))
    outcome = OutcomeRecord(0, "done", tier="enhanced", derivatives=another)
    assert take_back(archive, [rebuilt(archive, "a.tif", "/new", outcome=outcome)]).relocated == 0
    assert addresses(catalog, Derivative) == before
    retouched = (replace(restored, sha256=digest("retouched")), mask, sidecar)
    outcome = OutcomeRecord(0, "done", tier="enhanced", derivatives=retouched)
    assert take_back(archive, [rebuilt(archive, "a.tif", "/new", outcome=outcome)]).relocated == 1
    assert addresses(catalog, Derivative) == ["/new/masks/a.x", "/new/sidecars/a.x", "/old/restored/a.x"]


def test_a_file_that_an_earlier_attempt_left_keeps_its_address(catalog: Catalog) -> None:
    archive = Archive(catalog)

    def twice(item: PendingItem) -> OutcomeRecord:
        made = result(item)
        first = replace(made.derivatives[0], uri="/old/restored/a.0123.x")
        return replace(made, derivatives=(first, *made.derivatives))

    archive.run([photo("a.tif")], twice)
    assert take_back(archive, [rebuilt(archive, "a.tif", "/new")]).relocated == 1
    assert "/old/restored/a.0123.x" in addresses(catalog, Derivative)
    assert "/new/restored/a.x" in addresses(catalog, Derivative)


def test_where_a_known_photo_was_seen_last_is_not_forgotten(catalog: Catalog) -> None:
    archive = Archive(catalog)
    archive.run([photo("a.tif")], result)
    archive.run([replace(photo("a.tif"), uri="file:///moved/a.tif")], result)
    # A copy has new times: the old sidecar seems to be younger than the last look at the source.
    take_back(archive, [rebuilt(archive, "a.tif", "/new")])
    (row,) = catalog.show("a.tif")
    assert row["locations"][0]["uri"] == "file:///moved/a.tif"
    with catalog.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.max(Location.last_seen))) < LATER
