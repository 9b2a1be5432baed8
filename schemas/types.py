"""Column types that behave the same on SQLite and PostgreSQL.

PostgreSQL refuses NUL in text and NaN in JSON, SQLite stores NaN as NULL and forgets time zones: each type
here settles such a difference on the way in, so that one file's odd metadata never stops a whole batch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from numbers import Integral, Real
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Double, Integer, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

BigId = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit key; SQLite numbers rows by itself only for a column that is called INTEGER."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

_JSON = JSON().with_variant(JSONB(), "postgresql")


def clean_text(value: str) -> str:
    """Return ``value`` with NUL and lone surrogates, which no database stores, as the replacement mark."""
    return _UNSTORABLE.sub("\ufffd", value)


def clean_json(value: Any) -> Any:
    """Return ``value`` as both databases' JSON can hold it: no NUL, NaN or infinity, string keys only."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):  # numpy's numbers as well
        return float(value) if math.isfinite(value) else None
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {clean_text(str(key)): clean_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [clean_json(item) for item in value]
    return clean_text(str(value))


class BinaryText(TypeDecorator[str]):
    """Text that sorts by code point on both, as S3 lists keys and Python sorts strings.

    What no database stores is replaced (see :func:`clean_text`): asked for such a text, PostgreSQL would refuse
    the whole statement, where SQLite finds nothing.
    """

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the column type: on PostgreSQL with the collation "C"."""
        return dialect.type_descriptor(String(collation="C" if dialect.name == "postgresql" else None))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Clean a value on its way in."""
        return None if value is None else clean_text(value)


class SafeText(TypeDecorator[str]):
    """Free text; what cannot be stored is replaced (see :func:`clean_text`)."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Clean a value on its way in."""
        return None if value is None else clean_text(value)


class SafeJson(TypeDecorator[Any]):
    """JSON (JSONB on PostgreSQL); what cannot be stored is replaced (see :func:`clean_json`)."""

    impl = _JSON
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Clean a value on its way in."""
        return clean_json(value)


class FiniteFloat(TypeDecorator[float]):
    """A 64-bit float; NaN and the infinities become NULL on both databases."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        """Clean a value on its way in."""
        return float(value) if value is not None and math.isfinite(value) else None


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware on both sides, kept in UTC. Raises ValueError for a naive datetime."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware datetime into UTC; SQLite keeps it without its zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a datetime without time zone: {value!r}")
        instant = value.astimezone(UTC)
        return instant.replace(tzinfo=None) if dialect.name == "sqlite" else instant

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the instant in UTC, whatever zone the server's session has."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
