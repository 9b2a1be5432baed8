"""Arrow schemas of the query rows, and tables made of them (for Parquet and whoever reads it).

Lists of flags are real lists of structs. What has no fixed shape (metadata, events, work items of a dossier)
is a column of JSON text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from schemas.cells import json_text
from schemas.errors import CatalogUseError
from schemas.records import COUNTS

_INSTANT = pa.timestamp("us", tz="UTC")
_FLAG = pa.struct(
    [
        ("code", pa.string()),
        ("severity", pa.string()),
        ("value", pa.float64()),
        ("threshold", pa.float64()),
        ("rule_version", pa.int32()),
        ("explanation", pa.string()),
        ("state", pa.string()),
    ]
)
_ITEM = [
    ("collection", pa.string()),
    ("key", pa.string()),
    ("sha256", pa.string()),
    ("outcome", pa.string()),
    ("reason", pa.string()),
    ("error_class", pa.string()),
    ("flags", pa.list_(_FLAG)),
    ("restored", pa.string()),
    ("mask", pa.string()),
    ("source", pa.string()),
    ("tier", pa.string()),
    ("attempts", pa.int32()),
    ("seconds", pa.float64()),
    ("finished_at", _INSTANT),
    ("recipe", pa.string()),
    ("run", pa.int64()),
    ("work_item", pa.int64()),
    ("asset", pa.int64()),
]
_COUNTS = [(name, pa.int64()) for name in COUNTS]
_RUN = [
    ("run", pa.int64()),
    ("collection", pa.string()),
    ("recipe", pa.string()),
    ("state", pa.string()),
    ("started_at", _INSTANT),
    ("finished_at", _INSTANT),
    ("seconds", pa.float64()),
    *_COUNTS,
]
_JSON_TEXT = pa.field("", pa.string(), metadata={"content": "json"})

SCHEMAS: dict[str, pa.Schema] = {
    "runs": pa.schema([*_RUN, ("flow_run", pa.string()), _JSON_TEXT.with_name("parameters")]),
    "flagged": pa.schema(_ITEM),
    "show": pa.schema(
        [
            *_ITEM,
            ("stem", pa.string()),
            ("mask_coverage", pa.float64()),
            ("mask_components", pa.int64()),
            ("decision", pa.string()),
            *(
                _JSON_TEXT.with_name(name)
                for name in (
                    "content",
                    "locations",
                    "derivatives",
                    "faces",
                    "measurements",
                    "reviews",
                    "models",
                    "work_items",
                    "events",
                )
            ),
        ]
    ),
    "stats-outcome": pa.schema(
        [
            ("collection", pa.string()),
            ("recipe", pa.string()),
            ("outcome", pa.string()),
            ("photos", pa.int64()),
            ("seconds", pa.float64()),
            ("seconds_each", pa.float64()),
        ]
    ),
    "stats-collection": pa.schema(
        [
            ("collection", pa.string()),
            ("photos", pa.int64()),
            ("runs", pa.int64()),
            ("last_run_at", _INSTANT),
        ]
    ),
    "stats-flag": pa.schema(
        [
            ("collection", pa.string()),
            ("flag", pa.string()),
            ("severity", pa.string()),
            ("open", pa.int64()),
            ("closed", pa.int64()),
            ("lowest", pa.float64()),
            ("mean", pa.float64()),
            ("highest", pa.float64()),
        ]
    ),
    "stats-run": pa.schema([*_RUN, ("photos_per_hour", pa.float64())]),
}
"""One schema for each query; a table's columns are these, in this order, whether or not there are rows."""


def columns(query: str) -> list[str]:
    """Return the columns of a query's rows, in order. Raises CatalogUseError for an unknown query."""
    return list(_schema(query).names)


def to_table(query: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return query rows as an Arrow table of the query's schema. Raises CatalogUseError."""
    schema = _schema(query)
    texts = {field.name for field in schema if field.metadata and field.metadata.get(b"content") == b"json"}
    arrays = []
    for field in schema:
        values = [row.get(field.name) for row in rows]
        if field.name in texts:
            values = [json_text(value) for value in values]
        arrays.append(pa.array(values, type=field.type))
    return pa.table(arrays, schema=schema)


def _schema(query: str) -> pa.Schema:
    if query not in SCHEMAS:
        raise CatalogUseError(f"no Arrow schema for the query {query!r} (there are: {', '.join(SCHEMAS)})")
    return SCHEMAS[query]
