"""The `verify-fixity` flow: :mod:`flows.fixity` as something that Prefect schedules."""

from __future__ import annotations

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.fixity import FixitySummary, check_files
from schemas.repository import Catalog


@flow(name="verify-fixity", persist_result=False)
def verify_fixity(
    catalog: str,
    collection: str | None = None,
    sample: float = 1.0,
    seed: int | None = None,
    masters_only: bool = False,
    threads: int = 4,
) -> FixitySummary:
    """Compare every file that the catalog answers for with its recorded SHA-256.

    ``catalog`` is the catalog's URL, without a password (see `flows.restore_archive`); the other parameters are
    those of :func:`flows.fixity.check_files`.
    """
    with Catalog.open(catalog, create=False) as opened:
        return task(name="check files", cache_policy=NO_CACHE)(check_files)(
            opened, collection, sample, seed, masters_only, threads
        )
