"""What is already done of a run's photos, and lies elsewhere than the run's destination.

A catalog knows by collection and recipe what is done, whatever destination it was done into. Whoever names another
one would else find nothing there, and no word about it.
"""

from __future__ import annotations

from collections.abc import Sequence

from flows.remarks import RemarkKind, Remarks
from schemas.repository import Catalog
from schemas.whereabouts import ResultPlace
from storage.places import absolute_place, relative_place


def remark_elsewhere(catalog: Catalog, items: Sequence[int], destination: str, remarks: Remarks) -> None:
    """Remark each place other than the destination where some of these results lie; a moved one that the catalog
    follows (`flows.rebuild`) is no other.
    """
    here = absolute_place(destination)
    places = {_name(place) for place in catalog.result_places(items) if _lies_elsewhere(place.uri, here)}
    for place in sorted(places):
        reason = (
            f"Results that this run counts as already done lie there, and not in {here}. Copy them here and run "
            "`oldphoto catalog rebuild` for this destination and catalog, or give another --collection or --catalog "
            "to have them made here."
        )
        remarks.add(RemarkKind.ELSEWHERE, place, reason)


def _lies_elsewhere(uri: str, place: str) -> bool:
    return relative_place(place, uri) is None


def _name(result: ResultPlace) -> str:
    """Return what a result's place is called: the destination of its run, or its folder where it was moved since."""
    if result.destination and not _lies_elsewhere(result.uri, result.destination):
        return result.destination
    return result.uri.rpartition("/")[0]
