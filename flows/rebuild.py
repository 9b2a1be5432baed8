"""Make a lost catalog again from a destination: its sidecars, and the recipes that lie beside them.

A result comes back whole (files, mask, faces, measurements, flags, header). What no sidecar tells does not:
photos that were quarantined or failed, times of work, reviews, accounts. The next run of `restore` lists the
source again, finds what came back as done, and does the rest.

A catalog that is not lost follows a destination that was moved: of the results that it has, it records where their
files lie now.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypedDict

from actors.rows import to_outcome
from actors.sidecar import SidecarFacts, read_sidecar
from flows.catalog_urls import catalog_url_beside
from flows.progress import Progress, listener
from flows.rebuild_batches import Batch, Origin, WaitingBatches
from flows.recording import RECIPE_FILE_FORMAT, recipe_key
from flows.sidecar_order import DatedSidecar, sidecars_by_age
from oldphoto_core.errors import StorageError
from oldphoto_core.fixity import sha256_bytes, sha256_stream
from schemas.errors import UnstorableKeyError
from schemas.rebuild_records import LostRuns, RebuiltPhoto
from schemas.records import ModelRecord
from schemas.repository import Catalog
from schemas.urls import shown
from storage import Store, open_store

BATCH = 200
NAMED = 1000


class RebuildSummary(TypedDict):
    """What came back: ``photos`` results, ``skipped`` that the catalog had, ``problems`` in words.

    ``relocated``: of how many that the catalog had the files lie elsewhere than it knew. ``unnamed``: how many
    problems there are beside the first thousand.
    """

    catalog: str
    photos: int
    skipped: int
    relocated: int
    collections: list[str]
    problems: list[str]
    unnamed: int


@dataclass
class _Work:
    """What is being rebuilt, and what came of it so far."""

    catalog: Catalog
    store: Store
    verify: bool
    actor: str
    lost: dict[Origin, LostRuns] = field(default_factory=dict)
    runs: dict[Origin, int] = field(default_factory=dict)
    waiting: WaitingBatches = field(default_factory=lambda: WaitingBatches(BATCH))
    photos: int = 0
    known: int = 0
    relocated: int = 0
    problems: list[str] = field(default_factory=list)
    unnamed: int = 0

    def complain(self, problem: str) -> None:
        if len(self.problems) < NAMED:
            self.problems.append(problem)
        else:
            self.unnamed += 1


def rebuild_catalog(
    destination: str, catalog: str | None = None, *, verify: bool = False, actor: str = "system"
) -> RebuildSummary:
    """Record in a catalog everything that a destination's sidecars tell, and that its files lie there.

    A second call changes nothing; after an interruption it does what is left.

    Args:
        destination: folder or ``s3://bucket/prefix`` with sidecars.
        catalog: the catalog's URL; ``sqlite:///DESTINATION/catalog.db`` when not given. It is made if missing.
        verify: read every file that a sidecar names and compare its digest.
        actor: who does it, for the audit.

    Raises:
        UsageError: the destination is no folder, or a bucket without a catalog's URL.
        StorageError: the destination cannot be listed.
        CatalogError: the catalog cannot be used.
    """
    store = open_store(destination)
    url = catalog_url_beside(destination, catalog)
    with Catalog.open(url) as opened:
        work = _Work(opened, store, verify, actor)
        for number, (found, facts) in enumerate(_sidecars(work), start=1):
            _take(work, found, facts)
            listener().progress(Progress("rebuild", number, None, facts.key))
        for batch in work.waiting.rest():
            _record(work, batch)
    return RebuildSummary(
        catalog=shown(url),
        photos=work.photos,
        skipped=work.known,
        relocated=work.relocated,
        collections=sorted({origin.collection for origin in work.lost}),
        problems=work.problems,
        unnamed=work.unnamed,
    )


def _sidecars(work: _Work) -> Iterator[tuple[DatedSidecar, SidecarFacts]]:
    """Yield what can be read, a photo's oldest first: the result recorded last is taken for the present one."""
    for found in sidecars_by_age(work.store.list()):
        try:
            yield found, read_sidecar(work.store, found.key)
        except StorageError as error:
            work.complain(str(error))


def _take(work: _Work, found: DatedSidecar, facts: SidecarFacts) -> None:
    if _is_deeper(work.store, found, facts):
        work.complain(
            f"{work.store.uri_of(found.key)} is of a destination inside {work.store.uri}. Name that folder."
        )
        return
    if work.verify and (problem := _damaged(work.store, facts)):
        work.complain(problem)
        return
    try:
        photo = RebuiltPhoto(
            key=facts.key,
            stem=facts.stem,
            prefix=facts.prefix,
            uri=facts.source,
            sha256=facts.sha256,
            size=facts.size,
            recipe=facts.recipe,
            at=found.at,
            header=facts.header,
            warnings=facts.warnings,
            outcome=to_outcome(facts.outcome),
            software=facts.software,
        )
    except (UnstorableKeyError, ValueError) as error:
        work.complain(f"{found.key}: {error}")
        return
    for batch in work.waiting.add(Origin.of(facts), photo):
        _record(work, batch)


def _is_deeper(store: Store, found: DatedSidecar, facts: SidecarFacts) -> bool:
    """Whether a folder above the destination was named: nothing lies where the sidecar says, seen from there."""
    place = store.uri_of(f"{facts.prefix}x").removesuffix("x")
    return not found.key.startswith(f"{facts.prefix}sidecars/") or not all(
        file.uri.startswith(place) for file in facts.outcome.derivatives
    )


def _record(work: _Work, batch: Batch) -> None:
    origin, photos = batch
    if origin not in work.lost:
        collection = work.catalog.collection_id(origin.collection)
        document, models = _recipe(work, origin.recipe)
        work.lost[origin] = work.catalog.begin_rebuild(
            collection, origin.recipe, document, models, work.store.uri, _parameters(origin, document)
        )
    taken = work.catalog.take_back(work.lost[origin], work.runs.get(origin), photos, by=work.actor)
    if taken.run is not None:
        work.runs[origin] = taken.run
    work.photos += taken.photos
    work.known += taken.known
    work.relocated += taken.relocated
    for key in taken.refused:
        work.complain(
            f"{key}: another photo of the collection {origin.collection!r} has its derivatives' name, or another "
            "recipe its place"
        )


def _parameters(origin: Origin, document: str | None) -> dict[str, Any]:
    """Return what sidecars and recipe tell of the parameters of the runs that were lost; a redo needs them."""
    recipe = json.loads(document) if document is not None else {}
    config = recipe.get("parameters", {}).get("config")
    known = {**dict(origin.parameters), "source": origin.source, "config": config}
    return {name: value for name, value in known.items() if value is not None}


def _recipe(work: _Work, sha256: str) -> tuple[str | None, list[ModelRecord]]:
    """Return a recipe's canonical JSON and models, or nothing where its file is lost."""
    try:
        facts = json.loads(work.store.read(recipe_key(sha256)))
        document = facts["document"]
        if facts["format"] != RECIPE_FILE_FORMAT or sha256_bytes(document.encode("utf-8")) != sha256:
            raise ValueError("it is not the recipe that it is called after")
        return document, [ModelRecord(**model) for model in facts["models"]]
    except (StorageError, ValueError, TypeError, KeyError, AttributeError) as error:
        work.complain(f"the recipe {sha256[:12]} could not be read back ({error}); its results are kept")
        return None, []


def _damaged(store: Store, facts: SidecarFacts) -> str | None:
    """Return what is wrong with a file that a sidecar names, or None."""
    base = store.uri_of("x").removesuffix("x")
    for file in facts.outcome.derivatives:
        try:
            with store.open(file.uri.removeprefix(base)) as stream:
                if sha256_stream(stream)[0] != file.sha256:
                    return f"{facts.key}: {file.uri} is not the file that its sidecar describes"
        except StorageError as error:
            return f"{facts.key}: {error}"
    return None
