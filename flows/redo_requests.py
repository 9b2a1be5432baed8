"""Which requests for a redo there are, and what each is called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from schemas.repository import Catalog
from schemas.review_records import RedoRecord

_PAGE = 500


def pending(catalog: Catalog, collection: str | None) -> Iterator[tuple[str, RedoRecord]]:
    """Yield the requests that no run has taken, collection by collection, oldest first."""
    names = [collection] if collection else [row["collection"] for row in catalog.stats("collection")]
    for name in names:
        after = 0
        while page := catalog.pending_redos(name, after=after, limit=_PAGE):
            yield from ((name, record) for record in page)
            after = page[-1].review_id


def named(requests: Iterable[tuple[str, RedoRecord]]) -> list[tuple[str, RedoRecord]]:
    """Give each request of (collection, request) a name of its own: the photo's key where no other has it."""
    found = list(requests)
    keys = Counter(record.key for _, record in found)
    return [
        (record.key if keys[record.key] == 1 else f"{record.key} ({collection}, {record.item_id})", record)
        for collection, record in found
    ]
