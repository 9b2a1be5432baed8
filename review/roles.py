"""Who may do what: each role may do all that the ones before it may.

* viewer: look at everything;
* reviewer: decide on single photos, edit masks, ask for a redo;
* curator: decide on many photos at once, draw quality-control lots;
* admin: manage accounts.
"""

from __future__ import annotations

from schemas.review_records import Role

__all__ = ["Role", "includes"]


def includes(role: Role, needed: Role) -> bool:
    """Return whether ``role`` may do what ``needed`` may."""
    order = list(Role)
    return order.index(role) >= order.index(needed)
