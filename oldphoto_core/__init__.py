"""Pixels and networks: decode, age, detect, restore, refine faces, train, evaluate.

Knows no Ray, Prefect, SQL or S3. ``load_restorer`` is the way in; torch is imported when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oldphoto_core.restore import Restorer, load_restorer

__version__ = "0.9.0"
__all__ = ["Restorer", "__version__", "load_restorer"]


def __dir__() -> list[str]:
    """List what is only made when it is asked for, too: notebooks complete names by this."""
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    if name in ("load_restorer", "Restorer"):
        from oldphoto_core import restore

        return getattr(restore, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
