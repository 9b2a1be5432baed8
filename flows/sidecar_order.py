"""In which order the results were made whose sidecars lie in a destination.

A sidecar tells no time; its file's is that of the copy where a destination was copied without times (``rsync -r``,
``aws s3 sync``, a restored backup), often in the order of names. What holds wherever it lies is its place: a
photo's first result is at the top, one of another recipe or scan below ``recipes/``, a further scan under the same
recipe below ``contents/`` there (:func:`schemas.naming.prefix_candidates`). So none counts as older than those.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from storage import StoredObject

_SIDECAR = re.compile(r"(?:^|/)sidecars/.+\.json$")
_LATER = re.compile(r"(?P<recipe>recipes/[^/]+/)(?P<content>contents/[^/]+/)?(?P<name>sidecars/.+)")


class DatedSidecar(NamedTuple):
    """A sidecar: when its result was made at the earliest, how many of its photo's were before it, and its key."""

    at: datetime
    before: int
    key: str


def sidecars_by_age(stored: Iterable[StoredObject]) -> list[DatedSidecar]:
    """Return the sidecars among what is stored, those of older results first."""
    times = {one.key: one.modified for one in stored if _SIDECAR.search(one.key)}
    return sorted(_dated(key, times) for key in times)


def _dated(key: str, times: dict[str, datetime]) -> DatedSidecar:
    before = _before(key)
    moments = [times[one] for one in (key, *before) if one in times]
    return DatedSidecar(max(moments), len(before), key)


def _before(key: str) -> list[str]:
    """Return where sidecars of the same photo lie that are older, if they are there."""
    place = _LATER.fullmatch(key)
    if place is None:
        return []
    return [place["name"], f"{place['recipe']}{place['name']}"][: 2 if place["content"] else 1]
