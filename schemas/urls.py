"""A catalog's URL: what it says, and how it is shown, which is without its password."""

from __future__ import annotations

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from schemas.errors import CatalogUnavailableError

_SECRETS = ("password", "sslpassword")
"""Options of libpq in a URL's query that nobody else is to read."""


def catalog_url(text: str) -> URL:
    """Return the URL with our driver (``postgresql://`` → psycopg 3). Raises CatalogUnavailableError."""
    try:
        url = make_url(text)
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
        url = make_url(given)
    except (ArgumentError, ValueError):
        # What cannot be taken apart may hold a password anywhere.
        scheme, mark, _ = str(given).partition("://")
        return f"{scheme}://…" if mark else scheme
    masked = url.update_query_dict({name: "***" for name in _SECRETS if name in url.query})
    return masked.render_as_string(hide_password=True).replace("%2A%2A%2A", "***")


def split_password(text: str) -> tuple[str, str | None]:
    """Return a catalog's URL without its password, and the password. Raises CatalogUnavailableError."""
    catalog_url(text)
    url = make_url(text)
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
