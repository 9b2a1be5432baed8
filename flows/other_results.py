"""Results of other runs that lie inside a source: what was made is never taken for a master.

A destination is known by the recipe that every run leaves under ``recipes/``. Only what runs write there is left
out; scans that somebody put beside it are scans. The recipe need not be alone there, as network storage and file
managers leave files of their own everywhere.
"""

from __future__ import annotations

import re
from itertools import islice

from flows.catalog_urls import CATALOG_FILE, sqlite_names
from flows.request import OUTPUT_FOLDERS
from oldphoto_core.errors import StorageError, UsageError
from storage import Store, open_store

_OWN_FILES = frozenset({"report.html", *sqlite_names(CATALOG_FILE)})
_MARK = re.compile(
    rf"[0-9a-f]{{64}}\.json|[0-9a-f]{{12}}/(contents/[0-9a-f]{{12}}/)?({'|'.join(OUTPUT_FOLDERS)})/.+"
)
"""A recipe, or a result of a later one (`schemas.naming`)."""
_LOOKED_AT = 500
"""So many files of a folder ``recipes`` tell whether runs write there; it may also be one of scans."""


class OtherResults:
    """Tells results from masters in the listing of ``source``."""

    def __init__(self, source: Store) -> None:
        self._source = source
        self._destinations: dict[str, bool] = {}

    def place_of(self, key: str) -> str | None:
        """Return the destination that the file at ``key`` was made in, with ``/`` at its end; None for others."""
        *folders, name = key.split("/")
        for depth, folder in enumerate(folders):
            if folder in OUTPUT_FOLDERS and self._is_destination(place := "/".join(folders[:depth])):
                return f"{place}/"
        place = "/".join(folders)
        return f"{place}/" if name in _OWN_FILES and self._is_destination(place) else None

    def _is_destination(self, place: str) -> bool:
        if place not in self._destinations:
            self._destinations[place] = self._has_recipes(f"{place}/recipes" if place else "recipes")
        return self._destinations[place]

    def _has_recipes(self, folder: str) -> bool:
        try:
            # What is left out of a listing is told by the source's own.
            found = open_store(self._source.uri_of(folder)).list(lambda path, reason: None)
            return any(_MARK.fullmatch(one.key) for one in islice(found, _LOOKED_AT))
        except (StorageError, UsageError):
            return False
