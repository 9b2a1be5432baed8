"""The `publish` flow: :mod:`flows.packages` as something that Prefect schedules."""

from __future__ import annotations

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE

from flows.catalog_urls import known_catalog_url
from flows.packages import Form, PackageRequest, PackageSummary, export_photos
from oldphoto_core.errors import UsageError
from schemas.repository import Catalog
from storage.places import folder_here


@flow(name="publish", persist_result=False)
def publish(
    destination: str,
    catalog: str | None = None,
    form: Form = "bag",
    collection: str | None = None,
    approved_only: bool = False,
    with_masters: bool = False,
    base_url: str | None = None,
) -> PackageSummary:
    """Export approved photos for publication.

    Args:
        destination: a folder that does not exist yet, or is empty.
        catalog: URL of the catalog, without a password (see `flows.restore_archive`), its file, or a folder that
            holds ``catalog.db``; when not given, what OLDPHOTO_CATALOG names.
        form: ``premis``, ``bag`` or ``iiif``.
        collection: only this collection.
        approved_only: leave out photos that are not approved; otherwise one of them stops the whole export.
        with_masters: put the masters into the bag as well.
        base_url: where a IIIF tree will be published, for example ``https://archive.example/iiif``.

    Raises:
        UsageError: the request is impossible, no catalog is named, photos are not approved, or none is left to
            publish; the message names the first.
    """
    request = PackageRequest(
        form,
        folder_here(destination),
        collection,
        for_publication=True,
        approved_only=approved_only,
        with_masters=with_masters,
        base_url=base_url,
        actor="publish flow",
    )
    with Catalog.open(known_catalog_url(catalog), create=False) as opened:
        summary = task(name="export", cache_policy=NO_CACHE)(export_photos)(opened, request)
    if not summary["written"]:
        raise UsageError(_told(summary, request))
    if summary["unavailable"]:
        get_run_logger().warning(
            "%d photos could not be exported: %s", summary["unavailable"], summary["refused"][:10]
        )
    return summary


def _told(summary: PackageSummary, request: PackageRequest) -> str:
    """Return why nothing was published, and the remedy."""
    named, left_out = summary["refused"][:10], summary["left_out"]
    if not left_out:
        return "There is no photo, so nothing was published. Name another collection, or none."
    if request.all_or_nothing and left_out > summary["unavailable"]:
        first = ", ".join(one["key"] for one in named)
        return (
            f"{left_out} photos are not approved, so nothing was published: {first} … Decide on them at the review "
            "desk, see to those that were not restored, or set approved_only."
        )
    first = ", ".join(f"{one['key']} ({one['reason']})" for one in named)
    return (
        f"None of {left_out} photos could be published: {first} … Decide on them at the review desk, see to those "
        "that were not restored or of which files are missing."
    )
