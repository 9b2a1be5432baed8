"""Names of the catalog's collections, without counting what is in them."""

from __future__ import annotations

from sqlalchemy import select

from schemas import session
from schemas.repository import Catalog
from schemas.tables import Collection

MOST = 500


def collection_names(catalog: Catalog) -> tuple[str, ...]:
    """Return the names in order, at most :data:`MOST`."""
    with session.read(catalog.engine) as connection:
        return tuple(connection.scalars(select(Collection.name).order_by(Collection.name).limit(MOST)))
