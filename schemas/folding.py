"""Searching in keys as people search: capitals and the two ways to write an accent make no difference.

SQLite itself knows the capitals of English only, and so does PostgreSQL for text that is sorted by code point, as
our keys are, and for any text where the database was made with the locale C. A Mac hands on ``a`` and a combining
diaeresis where others write ``ä``.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, collate, func, literal_column

from schemas.types import clean_text

SQLITE_FUNCTION = "oldphoto_fold"
"""Under this name :mod:`schemas.session` makes :func:`fold` known to SQLite."""

_SIGMAS = ("ς", "σ")
"""Which of the two a capital becomes depends on the letters around it, and those are others in a part of a name."""
_EVERY_LANGUAGE = "und-x-icu"
"""PostgreSQL's collation with the capitals of all scripts, where it was built with ICU."""


def fold(text: str) -> str:
    """Return ``text`` composed (NFC) and in small letters, with one form of the sigma."""
    return unicodedata.normalize("NFC", clean_text(text)).lower().replace(*_SIGMAS)


def folded(connection: Connection, column: Any) -> ColumnElement[str]:
    """Return the expression for what :func:`fold` makes of a text column."""
    if connection.dialect.name == "postgresql":
        found = connection.exec_driver_sql(
            f"SELECT 1 FROM pg_collation WHERE collname = '{_EVERY_LANGUAGE}'"
        ).first()
        cased = collate(column, _EVERY_LANGUAGE if found else "default")
        composed = func.normalize(cased, literal_column("NFC"), type_=Text)
        return func.replace(func.lower(composed), *_SIGMAS, type_=Text)
    return getattr(func, SQLITE_FUNCTION)(column, type_=Text)
