"""Which catalog somebody means, so that one name means one catalog to every command and flow.

SQLAlchemy is imported where a URL has to be taken apart: a wrong parameter should not wait for it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from oldphoto_core.errors import UsageError
from storage.places import is_bucket, local_path

CATALOG_VARIABLE = "OLDPHOTO_CATALOG"
"""The environment variable that names the catalog where nobody else does, to commands and to flows."""
CATALOG_FILE = "catalog.db"
"""What a catalog in a folder is called."""
_DATABASE = re.compile(r"(sqlite|postgres(ql)?)(\+\w+)?:")


def catalog_url(given: str) -> str:
    """Return the URL of the catalog that somebody names: by a URL, its file, or a folder that holds ``catalog.db``.

    Every command and flow asks here, so that one name means one catalog to all of them. Raises UsageError for a
    URL of another kind.
    """
    if is_database_url(given):
        return given
    if "://" in given:
        raise UsageError(
            f"{given.partition('://')[0]}:// is no catalog. Name the catalog itself: "
            f"sqlite:///FILE, postgresql://…, or a local folder that holds {CATALOG_FILE}."
        )
    path = local_path(given)
    return f"sqlite:///{path / CATALOG_FILE if path.is_dir() else path}"


def named_catalog(given: str | None) -> str | None:
    """Return the catalog that somebody names: here, or by :data:`CATALOG_VARIABLE`."""
    return given or os.environ.get(CATALOG_VARIABLE) or None


def known_catalog_url(given: str | None) -> str:
    """Return the URL of the catalog that somebody names; UsageError if nobody does, or for a URL of another kind."""
    named = named_catalog(given)
    if named is None:
        raise UsageError(
            "No catalog is named. Give the parameter catalog (sqlite:////absolute/path/catalog.db, postgresql://…, "
            f"or a folder that holds {CATALOG_FILE}), or set {CATALOG_VARIABLE} for the worker."
        )
    return catalog_url(named)


def catalog_url_beside(destination: str, given: str | None) -> str:
    """Return the URL of the catalog that somebody names, or else of the SQLite file in a destination.

    Raises:
        UsageError: the destination is a bucket and no catalog was named, or its URL is of no database.
    """
    if named := named_catalog(given):
        return catalog_url(named)
    if is_bucket(destination):
        raise UsageError(
            f"A catalog cannot lie in the bucket of {destination}. Name one: "
            "--catalog sqlite:////absolute/path/catalog.db or --catalog postgresql://user@host/database."
        )
    return f"sqlite:///{local_path(destination) / CATALOG_FILE}"


def is_database_url(given: str) -> bool:
    """Return whether a catalog is named by its URL, and not by a file or folder."""
    return _DATABASE.match(given) is not None


def sqlite_names(database: str) -> list[str]:
    """Return what a SQLite file and those that SQLite keeps beside it are called."""
    return [f"{database}{end}" for end in ("", "-wal", "-shm", "-journal")]


def sqlite_file(url: str) -> Path | None:
    """Return the file of a SQLite catalog, absolute; None for any other."""
    from sqlalchemy.exc import ArgumentError

    from schemas.urls import parse_url

    try:
        found = parse_url(url)
    except (ArgumentError, ValueError):
        return None
    if found.get_backend_name() != "sqlite" or found.database in (None, "", ":memory:"):
        return None
    return Path(str(found.database)).resolve()


def absolute_url(url: str) -> str:
    """Return a catalog's URL that means the same from any working directory."""
    from schemas.urls import parse_url

    file = sqlite_file(url)
    return (
        url if file is None else parse_url(url).set(database=str(file)).render_as_string(hide_password=False)
    )
