"""Numbers that strangers write into addresses and forms."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from schemas.records import LARGEST_NUMBER

ItemNumber = Annotated[int, Path(ge=1, le=LARGEST_NUMBER)]
"""A work item's number, as part of an address."""

_MOST_DIGITS = 18


def whole_number(text: str) -> int | None:
    """Return the number, if these are digits and the catalog's databases can hold it; otherwise None."""
    plain = text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
    return int(text) if plain else None
