"""Bags (BagIt, SHA-256 and SHA-512) with files and PREMIS documents, and folders of PREMIS documents.

The library writes bags of version 0.97; names are such that a reader of 1.0 finds the same files.
"""

from __future__ import annotations

import logging
from pathlib import Path, PurePosixPath

import bagit

from flows.package_files import (
    bag_path,
    check_whole,
    collection_folder,
    copy_new,
    free_path,
    missing,
    placed,
    write_new,
)
from oldphoto_core.errors import StorageError
from schemas.exports.approval import NO_MASTER, file_of, master_of
from schemas.exports.premis import premis_document
from schemas.records import DerivativeKind
from schemas.rows import Dossier, FileRow
from storage import Anywhere

# It logs, with a traceback, what it also raises.
logging.getLogger("bagit").setLevel(logging.CRITICAL)

_CHUNK = 1 << 20
_KINDS = {
    DerivativeKind.RESTORED: "restored",
    DerivativeKind.MASK: "masks",
    DerivativeKind.SIDECAR: "sidecars",
}
_ALTERED = (
    "Pictures in the folders named 'restored' were altered by AI (oldphoto). Masters are untouched scans; "
    "the folders named 'premis' tell what was done to each."
)


class PremisPackage:
    """A folder with a PREMIS document for each photo."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.files = folder, 0

    def add(self, dossier: Dossier) -> None:
        """Write one photo's document; every photo has one."""
        path = f"{collection_folder(dossier['collection'])}/{dossier['stem']}.xml"
        write_new(placed(self.folder, free_path(self.folder, path)), premis_document(dossier))
        self.files += 1

    def finish(self) -> None:
        """Look whether all documents are there. Raises StorageError."""
        check_whole(self.folder, self.files)


class BagPackage:
    """A bag, being built.

    Args:
        folder: what becomes the bag.
        files: where the files come from.
        with_masters: take the masters in as well.
    """

    def __init__(self, folder: Path, files: Anywhere, *, with_masters: bool) -> None:
        self.folder, self.source, self.with_masters = folder, files, with_masters
        self.files = 0
        self._taken: set[str] = set()

    def add(self, dossier: Dossier) -> str | None:
        """Copy one photo's files and write its PREMIS document, or say what keeps the photo out."""
        stem = dossier["stem"]
        files: dict[str, FileRow] = {}
        for kind, name in _KINDS.items():
            if (made := file_of(dossier, kind)) is not None:
                files[f"{name}/{stem}{PurePosixPath(made['uri']).suffix}"] = made
        if self.with_masters:
            if (master := master_of(dossier)) is None:
                return NO_MASTER
            files[f"masters/{dossier['key']}"] = master
        if reason := missing(self.source, files.values()):
            return reason
        for path, file in files.items():
            copy_new(self.source, file, self._place(dossier, path))
        write_new(self._place(dossier, f"premis/{stem}.xml"), premis_document(dossier))
        self.files += len(files) + 1
        return None

    def finish(self) -> None:
        """Make the folder a bag. Raises StorageError, also where it is not one that other programs accept."""
        check_whole(self.folder, self.files)
        info = {"External-Description": _ALTERED, "Internal-Sender-Description": "Exported by oldphoto"}
        try:
            # The library hashes what lies on disk, not what was meant to be written.
            bagit.make_bag(str(self.folder.resolve()), info, checksums=["sha256", "sha512"])
            bagit.Bag(str(self.folder)).validate(completeness_only=True)
        except (OSError, bagit.BagError) as error:
            raise StorageError(
                f"The bag cannot be finished: {error}. See to the disk and export again."
            ) from error
        # Hashing takes long, and of what vanished before it the library knows nothing.
        check_whole(self.folder / "data", self.files)

    def _place(self, dossier: Dossier, path: str) -> Path:
        whole = f"{collection_folder(dossier['collection'])}/{path}"
        return placed(self.folder, free_path(self.folder, bag_path(whole, self._taken)))
