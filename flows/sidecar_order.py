"""In which order the results were made whose sidecars lie in a destination.

A sidecar tells no time; its file's is that of the copy where a destination was copied without times (``rsync -r``,
``aws s3 sync``, a restored backup), often in the order of names. What holds wherever it lies is its place: a
photo's first result is at the top, one of another recipe or scan below ``recipes/``, a further scan under the same
recipe below ``contents/`` there (:func:`schemas.naming.prefix_candidates`). So none counts as older than those.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from storage import StoredObject

# A file's name may hold line breaks.
_SIDECAR = re.compile(r"(?:^|/)sidecars/.+\.json\Z", re.DOTALL)
_LATER = re.compile(
    r"(?P<recipe>recipes/[^/]+/)(?P<content>contents/[^/]+/)?(?P<name>sidecars/.+)", re.DOTALL
)


class DatedSidecar(NamedTuple):
    """A sidecar: when its result was made at the earliest, how many of its photo's were before it, and its key."""

    at: datetime
    before: int
    key: str


def sidecars_by_age(stored: Iterable[StoredObject]) -> list[DatedSidecar]:
    """Return the sidecars among what is stored, of each photo those of older results first.

    So are those of different photos, where no time contradicts a place.
    """
    times = {one.key: one.modified for one in stored if _SIDECAR.search(one.key)}
    dated = sorted(_dated(key, times) for key in times)
    if all(one.at == times[one.key] for one in dated):
        return dated
    return _first_results_first(dated)


def _first_results_first(dated: Sequence[DatedSidecar]) -> list[DatedSidecar]:
    """Return the first sidecar of every photo, then the second of those that have one, and so on.

    A copy's times say nothing of other photos. By them results of two recipes would come by turns, each photo's
    second right after its first, and no two could be recorded together.
    """
    seen: Counter[str] = Counter()
    places = []
    for one in dated:
        name = _name(one.key)
        places.append(seen[name])
        seen[name] += 1
    return [one for _, one in sorted(zip(places, dated, strict=True))]


def _dated(key: str, times: dict[str, datetime]) -> DatedSidecar:
    before = _before(key)
    moments = [times[one] for one in (key, *before) if one in times]
    return DatedSidecar(max(moments), len(before), key)


def _name(key: str) -> str:
    """Return what the keys of all sidecars of a photo end in, and of few other photos."""
    place = _LATER.fullmatch(key)
    return key if place is None else place["name"]


def _before(key: str) -> list[str]:
    """Return where sidecars of the same photo lie that are older, if they are there."""
    place = _LATER.fullmatch(key)
    if place is None:
        return []
    return [place["name"], f"{place['recipe']}{place['name']}"][: 2 if place["content"] else 1]
