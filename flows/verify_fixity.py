"""The `verify-fixity` flow: :mod:`flows.fixity` as something that Prefect schedules."""

from __future__ import annotations

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.artifacts import show_fixity
from flows.catalog_urls import known_catalog_url
from flows.fixity import REMEDIES, FixitySummary, check_files
from oldphoto_core.errors import OldPhotoError
from schemas.repository import Catalog


class FilesWrongError(OldPhotoError):
    """Files are not as recorded. All of them were looked at, and what was found is in the catalog."""


@flow(name="verify-fixity", persist_result=False)
def verify_fixity(
    catalog: str | None = None,
    collection: str | None = None,
    sample: float = 1.0,
    seed: int | None = None,
    masters_only: bool = False,
    threads: int = 4,
) -> FixitySummary:
    """Compare every file that the catalog answers for with its recorded SHA-256.

    Args:
        catalog: URL of the catalog, without a password (see `flows.restore_archive`), its file, or a folder that
            holds ``catalog.db``; when not given, what OLDPHOTO_CATALOG names.
        collection: only this collection.
        sample: share of the photos to look at, in (0, 1], drawn at random.
        seed: decides which photos are drawn; others each time when not given.
        masters_only: leave the derivatives out.
        threads: how many files are read at once.

    Raises:
        UsageError: no catalog is named, or a number makes no sense.
        FilesWrongError: files are missing, changed or unreadable. Whoever scheduled the check reads no summary, but
            hears of a flow run that failed.
    """
    with Catalog.open(known_catalog_url(catalog), create=False) as opened:
        summary: FixitySummary = task(name="check files", cache_policy=NO_CACHE)(check_files)(
            opened, collection, sample, seed, masters_only, threads
        )
    found = {kind: summary[kind] for kind in REMEDIES}
    if any(found.values()):
        show_fixity(summary["problems"])
        counts = ", ".join(f"{number} {kind}" for kind, number in found.items() if number)
        first = summary["problems"][0]
        raise FilesWrongError(
            f"Of {summary['files']} files: {counts}. The first: {first['uri']} is {first['problem']}. The artifact "
            "fixity-problems and the photos' events name them; `oldphoto verify` looks again."
        )
    return summary
