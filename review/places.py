"""Which folders and buckets the desk may read: those that the catalog's runs name, and those that are given."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from schemas.repository import Catalog

_RUNS = 2000


def known_roots(catalog: Catalog, given: Iterable[str]) -> tuple[str, ...]:
    """Return the sources and destinations of the catalog's runs, and ``given``.

    Relative places of old runs count from the present folder, and only where there is such a folder.
    """
    roots: list[str] = [_absolute(place) for place in given]
    for run in catalog.runs(limit=_RUNS):
        for name in ("source", "destination"):
            place = run["parameters"].get(name)
            if isinstance(place, str) and place and _exists(place):
                roots.append(_absolute(place))
    return tuple(dict.fromkeys(roots))


def _exists(place: str) -> bool:
    return place.startswith("s3://") or Path(place.removeprefix("file://")).expanduser().is_dir()


def _absolute(place: str) -> str:
    if place.startswith("s3://"):
        return place.rstrip("/")
    return str(Path(place.removeprefix("file://")).expanduser().resolve())
