"""Alembic's entry: runs revisions over the connection it is given, or over OLDPHOTO_CATALOG."""

from __future__ import annotations

import os

from alembic import context
from sqlalchemy import Connection

from schemas.session import create_engine
from schemas.tables import Base


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        # SQLite alters a table by copying it.
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def _main() -> None:
    given: Connection | None = context.config.attributes.get("connection")
    if given is not None:
        _run(given)
        return
    engine = create_engine(os.environ["OLDPHOTO_CATALOG"], create=True)
    with engine.begin() as connection:
        _run(connection)


_main()
