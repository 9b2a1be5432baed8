"""Bags (BagIt 1.0, SHA-256 and SHA-512) with files and PREMIS documents, and folders of PREMIS documents."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import bagit

from actors.storage import Anywhere
from flows.package_files import collection_folder, placed, write_new
from oldphoto_core.errors import FixityError, StorageError
from schemas.exports.approval import Dossier, file_of
from schemas.exports.premis import premis_document
from schemas.records import DerivativeKind

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

    def __init__(self, destination: Path) -> None:
        self.destination, self.files = destination, 0

    def add(self, dossier: Dossier) -> None:
        """Write one photo's document."""
        path = placed(self.destination, f"{collection_folder(dossier['collection'])}/{dossier['stem']}.xml")
        write_new(path, premis_document(dossier))
        self.files += 1

    def finish(self) -> None:
        """Do nothing: each document stands for itself."""


class BagPackage:
    """A bag, built in a folder beside its destination and moved there when it is whole.

    Args:
        destination: the bag's folder.
        files: where the files come from.
        with_masters: take the masters in as well.
    """

    def __init__(self, destination: Path, files: Anywhere, *, with_masters: bool) -> None:
        self.destination, self.source, self.with_masters = destination, files, with_masters
        self.building = destination.with_name(f".{destination.name}.part")
        self.files = 0
        # What an interrupted export left behind.
        shutil.rmtree(self.building, ignore_errors=True)
        self.building.mkdir(parents=True)

    def add(self, dossier: Dossier) -> None:
        """Copy one photo's files and write its PREMIS document."""
        folder, stem = collection_folder(dossier["collection"]), dossier["stem"]
        for kind, name in _KINDS.items():
            file = file_of(dossier, kind)
            if file is not None:
                suffix = PurePosixPath(file["uri"]).suffix
                self._copy(file, placed(self.building, f"{folder}/{name}/{stem}{suffix}"))
        if self.with_masters and dossier["locations"] and dossier["sha256"]:
            master = {"uri": dossier["locations"][0]["uri"], "sha256": dossier["sha256"]}
            self._copy(master, placed(self.building, f"{folder}/masters/{dossier['key']}"))
        write_new(placed(self.building, f"{folder}/premis/{stem}.xml"), premis_document(dossier))
        self.files += 1

    def finish(self) -> None:
        """Make the folder a bag and move it to its place."""
        info = {"External-Description": _ALTERED, "Internal-Sender-Description": "Exported by oldphoto"}
        # The library hashes what lies on disk, not what was meant to be written.
        bagit.make_bag(str(self.building.resolve()), info, checksums=["sha256", "sha512"])
        if self.destination.exists():
            self.destination.rmdir()
        self.building.rename(self.destination)

    def _copy(self, file: Any, path: Path) -> None:
        with self.source.open(file["uri"]) as stream:
            copy_verified(stream, path, file["uri"], file["sha256"])
        self.files += 1


def copy_verified(stream: BinaryIO, path: Path, uri: str, sha256: str) -> None:
    """Copy a stream to a new file. Raises FixityError unless it has the recorded digest; StorageError."""
    digest = hashlib.sha256()
    try:
        with path.open("xb") as target:
            while piece := _next_piece(stream, uri):
                digest.update(piece)
                target.write(piece)
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error.strerror}. Export into a new folder."
        ) from error
    if digest.hexdigest() != sha256:
        raise FixityError(uri, "SHA-256", sha256, digest.hexdigest())


def _next_piece(stream: BinaryIO, uri: str) -> bytes:
    try:
        return stream.read(_CHUNK)
    except OSError as error:
        raise StorageError(
            f"{uri} cannot be read: {error.strerror}. Check the disk or the network share and export again."
        ) from error
