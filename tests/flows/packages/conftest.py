"""An archive that was restored, and with it its catalog."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.request import RestoreRequest
from schemas.repository import Catalog
from schemas.review_records import Decision, QueueFilter
from tests.flows.restored import small_archive


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> RestoreRequest:
    return small_archive(tmp_path_factory.mktemp("packages"), weights)


@pytest.fixture
def archive(made: RestoreRequest) -> Iterator[Catalog]:
    """The archive with nothing decided."""
    with Catalog.open(made.catalog_url()) as catalog:
        yield catalog
        for row in catalog.review_queue(QueueFilter(decision=None, flagged_only=False)).rows:
            current = [one for one in catalog.reviews(row.item_id) if one.decision is not Decision.UNDO]
            if row.decision != "undecided":
                catalog.undo(current[-1].review_id, "ada")
