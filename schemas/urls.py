"""A catalog's URL: what it says, and how it is shown, which is without its password.

A SQLite file may lie under any name.
"""

from __future__ import annotations

import re

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from schemas.errors import CatalogUnavailableError

_SECRETS = ("password", "sslpassword")
"""Options of libpq in a URL's query that nobody else is to read."""
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


def catalog_url(text: str) -> URL:
    """Return the URL with our driver (``postgresql://`` → psycopg 3). Raises CatalogUnavailableError."""
    try:
        url = parse_url(text)
    except (ArgumentError, ValueError):
        raise CatalogUnavailableError(
            f"not a catalog URL: {shown(text)!r}. Use sqlite:///path/to/catalog.db or "
            "postgresql://user@host/database; a special character in a name is written as %XX."
        ) from None
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise CatalogUnavailableError(
            f"catalogs of kind {url.get_backend_name()!r} are not supported. Use sqlite:/// or postgresql://."
        )
    return url


def shown(given: URL | str) -> str:
    """Return a URL as it may be read by anybody: with ``***`` for each password in it."""
    try:
        url = parse_url(given)
    except (ArgumentError, ValueError):
        # What cannot be taken apart may hold a password anywhere.
        scheme, mark, _ = str(given).partition("://")
        return f"{scheme}://…" if mark else scheme
    masked = url.update_query_dict({name: "***" for name in _SECRETS if name in url.query})
    return masked.render_as_string(hide_password=True).replace("%2A%2A%2A", "***")


def split_password(text: str) -> tuple[str, str | None]:
    """Return a catalog's URL without its password, and the password. Raises CatalogUnavailableError."""
    catalog_url(text)
    url = parse_url(text)
    # Where both are given, the driver takes the query's.
    password = url.query.get("password", url.password)
    if password is None:
        return text, None
    bare = URL.create(
        url.drivername,
        url.username,
        host=url.host,
        port=url.port,
        database=url.database,
        query=url.difference_update_query(["password"]).query,
    )
    return bare.render_as_string(), password if isinstance(password, str) else password[-1]
