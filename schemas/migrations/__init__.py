"""Alembic migrations of the catalog; :func:`schemas.session.upgrade` runs them."""
