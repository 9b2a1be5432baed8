"""Which folders and buckets the desk may read: those that the catalog's runs name, and those that are given."""

from __future__ import annotations

import os
from collections.abc import Iterable

from schemas.repository import Catalog
from storage.places import absolute_place, is_bucket, local_path


def known_roots(catalog: Catalog, given: Iterable[str]) -> tuple[str, ...]:
    """Return the sources and destinations of the catalog's runs, and ``given``.

    Relative places of old runs count from the present folder, and only where there is such a folder.
    """
    named = [place for place in catalog.places() if place and _exists(place)]
    return tuple(dict.fromkeys(absolute_place(place) for place in (*given, *named)))


def _exists(place: str) -> bool:
    return is_bucket(place) or os.path.isdir(local_path(place))
