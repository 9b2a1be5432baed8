"""What of a source may be a master; everything else that is found, or not found, is remarked."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flows.manifest import Manifest
from flows.other_results import OtherResults
from flows.remarks import NAMED, RemarkKind, Remarks
from storage import Store, StoredObject


class SourceListing:
    """The listing of one run.

    Args:
        source: the masters.
        manifest: what should be there, or None.
        leave_out: says of a key that it is no master (a derivative, the manifest itself).
        remarks: gains what there is to say.
    """

    def __init__(
        self, source: Store, manifest: Manifest | None, leave_out: Callable[[str], bool], remarks: Remarks
    ) -> None:
        self.source, self.manifest, self.leave_out, self.remarks = source, manifest, leave_out, remarks
        self._others = OtherResults(source)
        self._told: set[str] = set()

    def masters(self) -> Iterator[StoredObject]:
        """Yield what may be a master, in the order of its key.

        Raises:
            StorageError: the source cannot be listed.
        """
        return (found for found in self.source.list(self._remark) if not self._is_ours(found.key))

    def conclude(self, inputs: int) -> None:
        """Remark what a listing that went to its end did not have, after ``inputs`` files."""
        if self.manifest is not None:
            missing = self.manifest.unseen()
            reason = f"The manifest {self.manifest.name} names it, and the source has no such file."
            self.remarks.extend(
                RemarkKind.MISSING, len(missing), ((path, reason) for path in missing[:NAMED])
            )
        if not inputs and not self.remarks.incomplete:
            reason = "No photographs lie there. Check the address, and that its disk or share is mounted."
            self.remarks.add(RemarkKind.EMPTY, self.source.uri, reason)

    def _remark(self, path: str, reason: str) -> None:
        if not self._is_ours(path):
            self._set_aside(path)
            self.remarks.add(RemarkKind.LEFT_OUT, path, reason)

    def _is_ours(self, key: str) -> bool:
        """Return whether a run made the file, or was given it; remark a place of results once."""
        if self.leave_out(key):
            self._set_aside(key)
            return True
        place = self._others.place_of(key)
        if place is None:
            return False
        self._set_aside(key)
        if place not in self._told:
            self._told.add(place)
            self.remarks.add(RemarkKind.RESULTS, place, "It holds results of a run; they are no masters.")
        return True

    def _set_aside(self, path: str) -> None:
        if self.manifest is not None:
            self.manifest.set_aside(path)
