"""Every error that the catalog raises on purpose.

::

    CatalogError
    ├── CatalogUnavailableError   no catalog there, or its server or file cannot be opened
    ├── CatalogVersionError       its tables are of another version than this program
    ├── CatalogUseError           an operation that this run, recipe or record does not allow
    └── UnstorableKeyError        a source key that no database can hold

A message says what happened, to which catalog or key, and what to do next; it never shows a password.
"""

from __future__ import annotations


class CatalogError(Exception):
    """Base of every deliberate error of the catalog."""


class CatalogUnavailableError(CatalogError):
    """There is no catalog at the URL, or it cannot be opened."""


class CatalogVersionError(CatalogError):
    """The catalog's tables are of another version than this program."""


class CatalogUseError(CatalogError):
    """The operation is impossible here (unknown run, run already planned, wrong recipe hash)."""


class UnstorableKeyError(CatalogError):
    """A source key holds what no database stores: NUL, a lone surrogate, or too many bytes."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(key, problem)
        self.key, self.problem = key, problem

    def __str__(self) -> str:
        return f"{self.key!r}: {self.problem}. Rename the file at the source and run again."
