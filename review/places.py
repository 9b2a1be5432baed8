"""Which folders and buckets the desk may read: those that the catalog's runs name, and those that are given."""

from __future__ import annotations

import os
from collections.abc import Iterable

from schemas.repository import Catalog
from storage.places import absolute_place, is_bucket, local_path

_RUNS = 2000


def known_roots(catalog: Catalog, given: Iterable[str]) -> tuple[str, ...]:
    """Return the sources and destinations of the catalog's runs, and ``given``.

    Relative places of old runs count from the present folder, and only where there is such a folder.
    """
    roots: list[str] = [absolute_place(place) for place in given]
    for run in catalog.runs(limit=_RUNS):
        for name in ("source", "destination"):
            place = run["parameters"].get(name)
            if isinstance(place, str) and place and _exists(place):
                roots.append(absolute_place(place))
    return tuple(dict.fromkeys(roots))


def _exists(place: str) -> bool:
    return is_bucket(place) or os.path.isdir(local_path(place))
