"""A catalog's URL as people write it: a SQLite file may lie under any name."""

from __future__ import annotations

import re

from sqlalchemy import URL, make_url

_OPTIONS = re.compile(r"\w+=[^/?]*(&\w+=[^/?]*)*")
_SQLITE = re.compile(r"(?P<driver>sqlite(\+\w+)?):///(?P<path>.*)", re.DOTALL)


def parse_url(text: str | URL) -> URL:
    """Return a catalog's URL. A ``?`` begins options only where options follow; else it belongs to the path.

    Raises:
        ArgumentError, ValueError: it is no URL.
    """
    found = _SQLITE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return make_url(text)
    path, mark, options = found["path"].rpartition("?")
    if mark and _OPTIONS.fullmatch(options):
        bare = URL.create(found["driver"], database=path)
        return bare.update_query_string(options)
    return URL.create(found["driver"], database=found["path"] or None)
