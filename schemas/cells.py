"""Values as text: JSON, and CSV cells that no spreadsheet takes for formulas."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def json_text(value: Any, *, sort_keys: bool = False) -> str:
    """Return a row's value as JSON text; instants in ISO 8601."""
    return json.dumps(value, ensure_ascii=False, default=_encode, sort_keys=sort_keys)


def json_line(value: Any) -> str:
    """Return a value as JSON text on one line, whoever reads it."""
    # JSON allows two separators of lines in strings; elsewhere they split a line.
    return json_text(value).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def csv_cell(value: Any) -> str | int | float:
    """Return a cell that no spreadsheet takes for a formula: such text gets an apostrophe in front."""
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    text = cell_text(value)
    return "'" + text if text.startswith(_FORMULA_STARTS) else text


def cell_text(value: Any) -> str:
    """Return a value as the text of one cell."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return json_line(value)


def _encode(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"no JSON for {type(value).__name__}")
