"""What may be published: results that a person approved, as they are now.

A photo's *result* is the work item that :func:`schemas.dossier.show` answers with. Approved is one whose
current decision is *approve* and whose output is still the one that was looked at.
"""

from __future__ import annotations

from schemas.records import WITH_OUTPUT, DerivativeKind
from schemas.review_records import Standing
from schemas.rows import DerivativeRow, Dossier, FileRow, ReviewRow

NO_MASTER = "its master could not be read, or is another file by now"


def output_of(dossier: Dossier) -> DerivativeRow | None:
    """Return the restored file of a photo, or None where there is none."""
    return file_of(dossier, DerivativeKind.RESTORED)


def file_of(dossier: Dossier, kind: str) -> DerivativeRow | None:
    """Return the first file of a kind, or None."""
    return next((file for file in dossier["derivatives"] if file["kind"] == kind), None)


def master_of(dossier: Dossier) -> FileRow | None:
    """Return the master that a photo's result is of, where it was seen last, or None for :data:`NO_MASTER`."""
    sha256 = dossier["sha256"]
    if sha256 is None:
        return None
    seen = (place["uri"] for place in dossier["locations"] if place["sha256"] == sha256)
    return next((FileRow(uri=uri, sha256=sha256) for uri in seen), None)


def approval_of(dossier: Dossier) -> ReviewRow | None:
    """Return the review that approves a photo's result as it is now, or None."""
    if dossier["decision"] != Standing.APPROVE:
        return None
    undone = {review["undoes"] for review in dossier["reviews"]}
    counting = [
        review for review in dossier["reviews"] if review["undoes"] is None and review["review"] not in undone
    ]
    output = output_of(dossier)
    digest = output["sha256"] if output else dossier["sha256"]
    found = counting[-1] if counting else None
    return found if found and found["output_sha256"] == digest else None


def unrestored(dossier: Dossier) -> str | None:
    """Return why there is no result to show of a photo, in words, or None if there is one."""
    outcome = dossier["outcome"]
    if outcome is None:
        return "it was never restored"
    return None if outcome in WITH_OUTPUT else f"it is {outcome}"


def objection(dossier: Dossier) -> str | None:
    """Return why a photo may not be published, in words, or None if it may."""
    if (reason := unrestored(dossier)) is not None:
        return reason
    if dossier["decision"] == Standing.UNDECIDED:
        if any(item["decision"] == Standing.APPROVE for item in dossier["work_items"]):
            return "an earlier result was approved, and nobody has decided on the present one"
        return "nobody has decided on it"
    if dossier["decision"] != Standing.APPROVE:
        return f"its decision is {dossier['decision']}"
    if approval_of(dossier) is None:
        return "what was approved is not its present output"
    return None
