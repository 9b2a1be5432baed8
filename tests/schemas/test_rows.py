"""Rows have the keys that their types say: what a statement gives is taken for such a row without a look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NotRequired, get_origin, get_type_hints

import pytest

from schemas.repository import Catalog
from schemas.review_records import Decision
from schemas.rows import (
    ContentRow,
    DerivativeRow,
    Dossier,
    EventRow,
    FaceRow,
    FlagRow,
    History,
    ItemRow,
    ModelRow,
    PlaceRow,
    ResultRow,
    ReviewRow,
)
from schemas.run_rows import CollectionTotal, FlagTotal, OutcomeTotal, RunRow, RunTotal
from tests.schemas.archive import Archive, full, photo

Row = Mapping[str, Any]


@pytest.fixture
def catalog_of_one(catalog: Catalog) -> Catalog:
    """A catalog of a photo that has a row of every kind."""
    Archive(catalog).run([photo("a.tif")], full)
    row = catalog.review_queue().rows[0]
    catalog.add_mask_edit(row.item_id, "0" * 64, "file:///out/masks/a.edit.png", "ada")
    catalog.decide(row.item_id, Decision.APPROVE, "", "ada", row.output_sha256, None)
    return catalog


def _shown(catalog: Catalog) -> Dossier:
    return catalog.show("a.tif")[0]


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        (ItemRow, lambda catalog: catalog.flagged(outcome="done")[0]),
        (Dossier, _shown),
        (History, lambda catalog: catalog.history(_shown(catalog)["work_item"])),
        (ResultRow, lambda catalog: _shown(catalog)["work_items"][0]),
        (FlagRow, lambda catalog: _shown(catalog)["flags"][0]),
        (DerivativeRow, lambda catalog: _shown(catalog)["derivatives"][0]),
        (FaceRow, lambda catalog: _shown(catalog)["faces"][0]),
        (ReviewRow, lambda catalog: _shown(catalog)["reviews"][0]),
        (ContentRow, lambda catalog: _shown(catalog)["content"]),
        (PlaceRow, lambda catalog: _shown(catalog)["locations"][0]),
        (ModelRow, lambda catalog: _shown(catalog)["models"][0]),
        (EventRow, lambda catalog: _shown(catalog)["events"][0]),
        (RunRow, lambda catalog: catalog.runs()[0]),
        (RunTotal, lambda catalog: catalog.stats("run")[0]),
        (OutcomeTotal, lambda catalog: catalog.stats("outcome")[0]),
        (CollectionTotal, lambda catalog: catalog.stats("collection")[0]),
        (FlagTotal, lambda catalog: catalog.stats("flag")[0]),
    ],
    ids=lambda given: getattr(given, "__name__", ""),
)
def test_a_row_has_the_keys_of_its_type(
    catalog_of_one: Catalog, kind: type, row: Callable[[Catalog], Row]
) -> None:
    assert set(row(catalog_of_one)) == set(kind.__annotations__)


def test_a_photo_that_is_not_planned_lacks_what_only_a_work_item_has(catalog: Catalog) -> None:
    collection = catalog.collection_id("prints")
    run = catalog.start_run("flow", collection, None, {})
    catalog.record_assets(collection, [photo("a.tif")], run)
    hints = get_type_hints(Dossier, include_extras=True)
    assert set(_shown(catalog)) == {
        name for name, kind in hints.items() if get_origin(kind) is not NotRequired
    }
