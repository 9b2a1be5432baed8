"""Every error that the catalog raises on purpose.

::

    CatalogError
    ├── CatalogUnavailableError   its server or file cannot be opened or used
    │   ├── CatalogMissingError   there is none yet: no file, or a database without tables
    │   └── CatalogForeignError   another program's tables are where its own would be
    ├── CatalogVersionError       its tables are of another version than this program
    ├── CatalogUseError           an operation that this run, recipe or record does not allow
    │   ├── UnknownItemError      there is no such work item, or it has no output to decide on
    │   ├── UnknownLotError       there is no such lot
    │   └── UnknownAccountError   nobody of this name has an account
    ├── TakenOverError            another run took over what this one was to do
    ├── ReviewConflictError       somebody else decided since the reviewer looked
    │   └── OutputChangedError    the output is not the one that the reviewer looked at
    └── UnstorableKeyError        a source key that no database can hold

A message says what happened, to which catalog or key, and what to do next; it never shows a password.
"""

from __future__ import annotations


class CatalogError(Exception):
    """Base of every deliberate error of the catalog."""


class CatalogUnavailableError(CatalogError):
    """There is no catalog at the URL, or it cannot be opened."""


class CatalogMissingError(CatalogUnavailableError):
    """There is no catalog at the URL yet; a run would make it."""


class CatalogForeignError(CatalogUnavailableError):
    """The file, or the schema, is another program's; nothing was changed in it."""


class CatalogVersionError(CatalogError):
    """The catalog's tables are of another version than this program."""


class CatalogUseError(CatalogError):
    """The operation is impossible here (unknown run, run already planned, wrong recipe hash)."""


class UnknownItemError(CatalogUseError):
    """There is no such work item, or it has no output that could be decided on."""


class UnknownLotError(CatalogUseError):
    """There is no such lot."""


class UnknownAccountError(CatalogUseError):
    """Nobody of this name has an account."""


class TakenOverError(CatalogError):
    """A younger run over the same photos ended this one and took its work over."""


class ReviewConflictError(CatalogError):
    """Somebody else decided since the reviewer looked; nothing was recorded.

    Args:
        item_id: the work item.
        message: what happened, for a person.
        last_review: the number of the item's last review now; None when there is none.
    """

    def __init__(self, item_id: int, message: str, last_review: int | None = None) -> None:
        super().__init__(message)
        self.item_id, self.last_review = item_id, last_review


class OutputChangedError(ReviewConflictError):
    """The item's output is not the one that the reviewer looked at; nothing was recorded."""


class UnstorableKeyError(CatalogError):
    """A source key holds what no database stores: NUL, a lone surrogate, or too many bytes."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(key, problem)
        self.key, self.problem = key, problem

    def __str__(self) -> str:
        return f"{self.key!r}: {self.problem}. Rename the file at the source and run again."
