"""What a person or a deployment asks for, checked before anything is opened.

Light on purpose: the command line checks a request before it starts an engine.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import unquote, urlsplit

from actors.storage import overlap
from flows.profiles import profile_named, tier_named
from oldphoto_core.errors import UsageError

Executor = Literal["ray", "inline"]
Config = Literal["compact", "paper"]

LEAST_MEMORY = 1.5
"""GiB that a worker needs at the least: libraries, networks and a few tiles."""
MOST_MEMORY = 2.0**32
"""GiB that no machine has; Ray counts bytes in 64 bits."""
LARGEST_LIMIT = 2**63 - 1
"""What a database takes for a number."""
OUTPUT_FOLDERS = ("restored", "masks", "probability", "faces", "sidecars", "tiers", "recipes", "reports")
"""Folders of a destination that hold what we made."""
CATALOG_FILE = "catalog.db"
"""What a catalog in a folder is called."""
_DATABASE = re.compile(r"(sqlite|postgres(ql)?)(\+\w+)?:")


@dataclass(frozen=True)
class RestoreRequest:
    """The parameters of one `restore-archive` run, as they were given; see the flow for their meaning."""

    source: str
    destination: str
    catalog: str | None = None
    collection: str | None = None
    profile: str = "archive"
    tier: str = "enhanced"
    device: str = "auto"
    limit: int | None = None
    dry_run: bool = False
    manifest: str | None = None
    keep_tiers: bool = False
    weights: str | None = None
    config: str = "compact"
    executor: str = "ray"
    memory: float = 3.0
    workers: int | None = None
    retry: bool = False

    def check(self) -> None:
        """Say at once what cannot work.

        Raises:
            UsageError: an unknown name, an impossible limit, places that collide, no catalog for a bucket, or a
                name that may be a catalog's and is nowhere.
        """
        profile_named(self.profile)
        tier_named(self.tier)
        _one_of("device", self.device, ("auto", "cpu", "cuda"))
        _one_of("executor", self.executor, ("ray", "inline"))
        _one_of("config", self.config, ("compact", "paper"))
        if self.limit is not None and not 1 <= self.limit <= LARGEST_LIMIT:
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
        if self.manifest is not None and not Path(self.manifest).expanduser().is_file():
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
        if not overlap(self.source, self.destination):
            return
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
        url = self.catalog_url()
        if not self.catalog or _DATABASE.match(self.catalog):
            return
        # A run makes a catalog that is missing, and a folder's name with a slip in it would become one.
        path = local_path(self.catalog)
        if not path.suffix and not path.exists():
            raise UsageError(
                f"There is no catalog and no folder at {self.catalog}. To make a catalog of that name write {url}; "
                "one in a database is postgresql://user@host/database."
            )

    def catalog_url(self) -> str:
        """Return the catalog's URL; by default a SQLite file in the destination.

        Raises:
            UsageError: the destination is a bucket and no catalog was named, or its URL is of no database.
        """
        if self.catalog:
            return catalog_url(self.catalog)
        if is_bucket(self.destination):
            raise UsageError(
                f"A catalog cannot lie in the bucket of {self.destination}. Name one: "
                "--catalog sqlite:////absolute/path/catalog.db or --catalog postgresql://user@host/database."
            )
        return f"sqlite:///{local_path(self.destination) / CATALOG_FILE}"

    def collection_name(self) -> str:
        """Return the collection's name; by default the source's whole address.

        Its last part alone would mix the photos of two archives that both call their folder ``scans``.
        """
        return self.collection or absolute_place(self.source)

    def leave_out(self) -> Callable[[str], bool]:
        """Return a rule that says which keys of the source are no masters.

        These are the destination's files when it lies inside the source, the catalog and the manifest.
        """
        inside = (
            relative_place(self.source, self.destination) if overlap(self.source, self.destination) else None
        )
        single = {key for key in map(self._key_of, self._own_files()) if key is not None}

        def rule(key: str) -> bool:
            return key in single or (inside is not None and key.startswith(f"{inside}/"))

        return rule

    def parameters(self) -> dict[str, Any]:
        """Return the request as JSON-safe parameters for the catalog, without a password in the URL.

        Places are absolute: whoever reads them later may be in another folder.
        """
        return {
            **asdict(self),
            "source": absolute_place(self.source),
            "destination": absolute_place(self.destination),
            "catalog": without_password(_absolute_url(self.catalog_url())) if self.catalog else None,
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
        """The networks' configuration, as its own type."""
        return cast(Config, self.config)

    @property
    def executor_name(self) -> Executor:
        """The executor, as its own type."""
        return cast(Executor, self.executor)

    def _own_files(self) -> list[str]:
        files = [self.manifest] if self.manifest is not None else []
        if (database := sqlite_file(self.catalog_url())) is not None:
            files += [f"{database}{suffix}" for suffix in ("", "-wal", "-shm", "-journal")]
        return files

    def _key_of(self, file: str) -> str | None:
        """Return the key that a local file has in the source; None if it does not lie there."""
        return None if is_bucket(self.source) else relative_place(self.source, file)


def catalog_url(given: str) -> str:
    """Return the URL of the catalog that somebody names: by a URL, its file, or a folder that holds ``catalog.db``.

    Every command and flow asks here, so that one name means one catalog to all of them. Raises UsageError for a
    URL of another kind.
    """
    if _DATABASE.match(given):
        return given
    if "://" in given:
        raise UsageError(
            f"{given.partition('://')[0]}:// is no catalog. Name the catalog itself: "
            f"sqlite:///FILE, postgresql://…, or a local folder that holds {CATALOG_FILE}."
        )
    path = local_path(given)
    return f"sqlite:///{path / CATALOG_FILE if path.is_dir() else path}"


def is_bucket(place: str) -> bool:
    """Return whether a place is an S3 address."""
    return place.startswith("s3://")


def local_path(place: str) -> Path:
    """Return the absolute path of a local place (a path or ``file://``)."""
    if place.startswith("file://"):
        place = unquote(urlsplit(place).path)
    return Path(place).expanduser().resolve()


def absolute_place(place: str) -> str:
    """Return a place that means the same from any working directory."""
    return place.rstrip("/") if is_bucket(place) else str(local_path(place))


def relative_place(root: str, place: str) -> str | None:
    """Return ``place`` relative to ``root`` with ``/`` between parts; None when it lies elsewhere."""
    if is_bucket(root) != is_bucket(place):
        return None
    if is_bucket(root):
        base, other = _bucket_place(root), _bucket_place(place)
        return other[len(base) :].strip("/") if f"{other}/".startswith(f"{base}/") else None
    base_path, other_path = local_path(root), local_path(place)
    if not other_path.is_relative_to(base_path):
        return None
    relative = other_path.relative_to(base_path).as_posix()
    return "" if relative == "." else relative


def _bucket_place(place: str) -> str:
    """Return an S3 address as the store reads it: slashes around the prefix do not matter."""
    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    return f"s3://{bucket}/{prefix.strip('/')}".rstrip("/")


def sqlite_file(url: str) -> Path | None:
    """Return the file of a SQLite catalog, absolute; None for any other."""
    from sqlalchemy.exc import ArgumentError

    from schemas.urls import parse_url

    try:
        found = parse_url(url)
    except (ArgumentError, ValueError):
        return None
    if found.get_backend_name() != "sqlite" or found.database in (None, "", ":memory:"):
        return None
    return Path(str(found.database)).resolve()


def _absolute_url(url: str) -> str:
    """Return a catalog's URL that means the same from any working directory."""
    from schemas.urls import parse_url

    file = sqlite_file(url)
    return (
        url if file is None else parse_url(url).set(database=str(file)).render_as_string(hide_password=False)
    )


def without_password(url: str | None) -> str | None:
    """Return a catalog's URL (or the folder that stands for it) with its password hidden."""
    if url is None:
        return None
    from schemas.urls import shown

    return shown(url)


def _one_of(what: str, given: str, allowed: tuple[str, ...]) -> None:
    if given not in allowed:
        raise UsageError(f"No {what} is called {given!r}. Choose one of: {', '.join(allowed)}.")
