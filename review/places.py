"""Which folders and buckets the desk may read: those that the catalog's runs name, and those that are given."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from schemas.repository import Catalog

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


def absolute_place(place: str) -> str:
    """Return a folder's real path (of a path or ``file://``), or an ``s3://`` address without a slash at its end."""
    if place.startswith("s3://"):
        return place.rstrip("/")
    text = unquote(urlsplit(place).path) if place.startswith("file://") else place
    return os.path.realpath(Path(text).expanduser())


def _exists(place: str) -> bool:
    return place.startswith("s3://") or os.path.isdir(absolute_place(place))
