"""The documented SQL views with the types of their columns, for exports (docs/catalog.md describes them)."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import TableClause

from schemas.records import COUNTS
from schemas.types import FiniteFloat, SafeJson, UtcDateTime

_NUMBERS = [
    "work_item",
    "asset",
    "run",
    "size",
    "width",
    "height",
    "bit_depth",
    "attempts",
    "mask_components",
    "gravity",
    "rule_version",
    "position",
    "review",
    "undoes",
    *COUNTS,
    "event",
]
_AMOUNTS = [
    "seconds",
    "mask_coverage",
    "value",
    "threshold",
    "megapixels",
    "mask_share",
    "uncertain_share",
    "mean_change",
    "colour_drift",
    "faces_found",
    "faces_enhanced",
    "faces_refused",
    "face_drift_max",
    "x",
    "y",
    "score",
    "drift",
]
_INSTANTS = ["first_seen", "last_seen", "finished_at", "started_at", "created_at", "at"]
_DOCUMENTS = ("extra", "detail")
_TRUTHS = ("applied", "undone", "present")

_TYPES: dict[str, Any] = {
    **dict.fromkeys(_NUMBERS, sa.BigInteger()),
    **dict.fromkeys(_AMOUNTS, FiniteFloat()),
    **dict.fromkeys(_INSTANTS, UtcDateTime()),
    **dict.fromkeys(_DOCUMENTS, SafeJson()),
    **dict.fromkeys(_TRUTHS, sa.Boolean()),
}

_COLUMNS = {
    "photos": "asset collection key sha256 uri size format width height bit_depth first_seen last_seen error",
    "results": "work_item asset collection key sha256 recipe run outcome reason error_class tier attempts "
    "seconds finished_at restored restored_sha256 mask mask_coverage mask_components present decision gravity",
    "flags": "work_item asset collection key code severity value threshold rule_version explanation state "
    "created_at",
    "measurements": "work_item asset collection key megapixels mask_share mask_components uncertain_share "
    "mean_change colour_drift faces_found faces_enhanced faces_refused face_drift_max extra",
    "faces": "work_item asset collection key position x y width height score drift applied",
    "files": "work_item asset collection key kind tier uri sha256 size media_type created_at",
    "decisions": "review work_item asset collection key decision reason reviewer at output_sha256 undoes "
    "undone",
    "runs": "run collection recipe state started_at finished_at seconds inputs already_done done skipped "
    "quarantined failed pending flow_run",
    "events": "event asset collection key type at outcome detail agent agent_type work_item run",
}

_OWN_TYPES = {
    ("faces", "width"): FiniteFloat(),
    ("faces", "height"): FiniteFloat(),
    ("measurements", "mask_components"): FiniteFloat(),
}


def _view(name: str) -> TableClause:
    columns: list[sa.ColumnClause[Any]] = [
        sa.column(column, _OWN_TYPES.get((name, column)) or _TYPES.get(column) or sa.String())
        for column in _COLUMNS[name].split()
    ]
    return sa.table(name, *columns)


VIEWS: dict[str, TableClause] = {name: _view(name) for name in _COLUMNS}
"""Each view as something to select from, its columns in order."""
