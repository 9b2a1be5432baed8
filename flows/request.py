"""What a person or a deployment asks for, checked before anything is opened.

Light on purpose: the command line checks a request before it starts an engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from actors.executors import EXECUTORS, Executor
from flows.catalog_urls import (
    absolute_url,
    catalog_url_beside,
    is_database_url,
    named_catalog,
    sqlite_file,
    sqlite_names,
)
from flows.parameters import RestoreParameters
from flows.profiles import profile_named, tier_named
from oldphoto_core.errors import UsageError
from oldphoto_core.settings import CONFIGS, Config
from schemas.records import LARGEST_NUMBER
from storage.places import absolute_place, is_bucket, local_path, relative_place

_Name = TypeVar("_Name", bound=str)

LEAST_MEMORY = 1.5
"""GiB that a worker needs at the least: libraries, networks and a few tiles."""
MOST_MEMORY = 2.0**32
"""GiB that no machine has; Ray counts bytes in 64 bits."""
OUTPUT_FOLDERS = ("restored", "masks", "probability", "faces", "sidecars", "tiers", "recipes", "reports")
"""Folders of a destination that hold what we made."""


@dataclass(frozen=True)
class RestoreRequest(RestoreParameters):
    """The parameters of a run, and what they say together."""

    def check(self) -> None:
        """Say at once what cannot work.

        Raises:
            UsageError: an unknown name, an impossible limit, places that collide, no catalog for a bucket, or a
                name that may be a catalog's and is nowhere.
        """
        profile_named(self.profile)
        tier_named(self.tier)
        _one_of("device", self.device, ("auto", "cpu", "cuda"))
        _one_of("executor", self.executor, EXECUTORS)
        _one_of("config", self.config, CONFIGS)
        if self.limit is not None and not 1 <= self.limit <= LARGEST_NUMBER:
            raise UsageError(
                f"A limit of {self.limit} photos makes no sense. Give a number of photos, or leave it out."
            )
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"{self.workers} workers restore nothing. Give 1 or more, or leave it out.")
        if self.workers is not None and self.executor == "inline":
            raise UsageError("The inline executor is one process and has no workers. Leave --workers out.")
        if not LEAST_MEMORY <= self.memory < MOST_MEMORY:
            raise UsageError(
                f"A worker cannot do with {self.memory} GiB. Give --memory {LEAST_MEMORY} or more, of "
                "what there is; photos that are too large for it are restored by parts."
            )
        if not is_bucket(self.source) and not local_path(self.source).is_dir():
            raise UsageError(f"{self.source} is not a folder. Give a folder of scans or s3://bucket/prefix.")
        if self.manifest is not None and not local_path(self.manifest).is_file():
            raise UsageError(f"The manifest {self.manifest} is not a file.")
        if self.weights is not None and not local_path(self.weights).is_dir():
            raise UsageError(
                f"{self.weights} is not a folder of weights. Leave it out to use the shipped ones."
            )
        self._check_places()
        self._check_catalog()

    def _check_places(self) -> None:
        for place in (self.source, self.destination):
            absolute = absolute_place(place)
            if absolute != absolute.encode(errors="replace").decode():
                raise UsageError(
                    f"{absolute} has bytes that are not UTF-8, and no catalog can name files there. Rename it."
                )
        inside = relative_place(self.source, self.destination)
        if inside == "":
            raise UsageError(
                f"Source and destination are both {self.source}. Masters and derivatives are kept apart: "
                "give another destination (a folder inside the source is fine)."
            )
        above = relative_place(self.destination, self.source)
        if above is not None and above.split("/")[0] in OUTPUT_FOLDERS:
            raise UsageError(
                f"{self.source} is a folder of results of {self.destination}. Give the folder of the scans."
            )

    def _check_catalog(self) -> None:
        url, named = self.catalog_url(), named_catalog(self.catalog)
        if named is None or is_database_url(named):
            return
        # A run makes a catalog that is missing, and a folder's name with a slip in it would become one.
        path = local_path(named)
        if not path.suffix and not path.exists():
            raise UsageError(
                f"There is no catalog and no folder at {named}. To make a catalog of that name write {url}; "
                "one in a database is postgresql://user@host/database."
            )

    def catalog_url(self) -> str:
        """Return the catalog's URL; by default that of OLDPHOTO_CATALOG, or a SQLite file in the destination.

        Raises:
            UsageError: the destination is a bucket and no catalog was named, or its URL is of no database.
        """
        return catalog_url_beside(self.destination, self.catalog)

    def collection_name(self) -> str:
        """Return the collection's name; by default the source's whole address.

        Its last part alone would mix the photos of two archives that both call their folder ``scans``.
        """
        return self.collection or absolute_place(self.source)

    def leave_out(self) -> Callable[[str], bool]:
        """Return a rule that says which keys of the source are no masters.

        These are the destination's files when it lies inside the source, the catalog and the manifest.
        """
        inside = relative_place(self.source, self.destination)
        single = {key for key in map(self._key_of, self._own_files()) if key is not None}

        def rule(key: str) -> bool:
            return key in single or (inside is not None and key.startswith(f"{inside}/"))

        return rule

    def parameters(self) -> dict[str, Any]:
        """Return the request as JSON-safe parameters for the catalog, without a password in the URL.

        Places are absolute: whoever reads them later may be in another folder.
        """
        from schemas.urls import shown

        return {
            **asdict(self),
            "source": absolute_place(self.source),
            "destination": absolute_place(self.destination),
            "catalog": shown(absolute_url(self.catalog_url())) if named_catalog(self.catalog) else None,
            "manifest": str(local_path(self.manifest)) if self.manifest else None,
            "weights": str(local_path(self.weights)) if self.weights else None,
        }

    @property
    def memory_bytes(self) -> int:
        """The memory for one photo, in bytes."""
        return int(self.memory * 1024**3)

    @property
    def weights_folder(self) -> Path | None:
        """The folder of weights; None for the shipped ones."""
        return local_path(self.weights) if self.weights is not None else None

    @property
    def config_name(self) -> Config:
        """The networks' configuration, as its own type. Raises UsageError."""
        return _one_of("config", self.config, CONFIGS)

    @property
    def executor_name(self) -> Executor:
        """The executor, as its own type. Raises UsageError."""
        return _one_of("executor", self.executor, EXECUTORS)

    def _own_files(self) -> list[str]:
        files = [self.manifest] if self.manifest is not None else []
        if (database := sqlite_file(self.catalog_url())) is not None:
            files += sqlite_names(str(database))
        return files

    def _key_of(self, file: str) -> str | None:
        """Return the key that a local file has in the source; None if it does not lie there."""
        return None if is_bucket(self.source) else relative_place(self.source, file)


def _one_of(what: str, given: str, allowed: tuple[_Name, ...]) -> _Name:
    for name in allowed:
        if name == given:
            return name
    raise UsageError(f"No {what} is called {given!r}. Choose one of: {', '.join(allowed)}.")
