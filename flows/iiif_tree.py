"""A tree of IIIF Presentation 3 manifests with access copies, to be put on a web server as it is.

``collection.json`` leads to pages of a thousand manifests each; pictures are JPEG, masks PNG, upright and no
larger than asked for. Access copies are made from files whose digests are compared first. A photo without a
result has no place in the tree.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from flows.package_files import check_whole, collection_folder, free_path, missing, placed, write_new
from flows.previews import shrink, shrink_as_stored
from oldphoto_core.fixity import sha256_bytes, verify
from oldphoto_core.image_io import Display, decode, encode_jpeg_preview, encode_mask, to_upright, turns
from oldphoto_core.photo import DecodedPhoto
from schemas.exports.approval import NO_MASTER, file_of, master_of, output_of, unrestored
from schemas.exports.iiif import WebImage, WebPhoto, collection, manifest
from schemas.records import DerivativeKind
from schemas.rows import Dossier, FileRow
from storage import Anywhere

PAGE = 1000
"""Manifests in one collection document."""


class IiifPackage:
    """A IIIF tree, being written.

    Args:
        folder: where it lies.
        files: where masters and derivatives come from.
        base: the address under which the folder will be published.
        max_side: longest side of an access copy, in pixels.
    """

    def __init__(self, folder: Path, files: Anywhere, base: str, max_side: int) -> None:
        self.folder, self.source, self.base, self.max_side = folder, files, base, max_side
        self.files = 0
        self._page: list[tuple[str, str]] = []
        self._pages: list[tuple[str, str]] = []

    def add(self, dossier: Dossier) -> str | None:
        """Write one photo's access copies and its manifest, or say what keeps the photo out."""
        if (reason := unrestored(dossier)) is not None:
            return reason
        if (master := master_of(dossier)) is None:
            return NO_MASTER
        output, mask = output_of(dossier), file_of(dossier, DerivativeKind.MASK)
        if reason := missing(self.source, (master, output, mask)):
            return reason
        self._show(dossier, master, output, mask)
        return None

    def _show(self, dossier: Dossier, master: FileRow, output: FileRow | None, mask: FileRow | None) -> None:
        folder, stem = collection_folder(dossier["collection"]), dossier["stem"]
        scan = self._photo(master, dossier["key"])
        turn = scan.header.orientation
        height, width = scan.pixels.shape[:2]
        width, height = (height, width) if turns(turn)[0] else (width, height)
        original = self._jpeg(scan, f"{folder}/original", stem)
        # The result is decoded next: two large photos at once take half as much memory again.
        del scan
        restored = None
        if output is not None:
            restored = self._jpeg(self._photo(output, dossier["key"]), f"{folder}/restored", stem)
        drawn = self._mask(mask, turn, f"{folder}/mask", stem, dossier["key"]) if mask and output else None
        path = free_path(self.folder, f"{folder}/manifests/{stem}.json")
        shown = WebPhoto(path, width, height, original, restored, drawn)
        self._write(path, manifest(dossier, shown, self.base))
        self._page.append((path, dossier["key"]))
        if len(self._page) == PAGE:
            self._turn_page()

    def finish(self) -> None:
        """Write the collection that leads to all of it. Raises StorageError, also where a file is gone."""
        if self._page or not self._pages:
            self._turn_page()
        self._write(
            "collection.json", collection("oldphoto", self._pages, self.base, "collection.json", "Collection")
        )
        check_whole(self.folder, self.files)

    def _turn_page(self) -> None:
        number = len(self._pages) + 1
        path = f"pages/{number}.json"
        self._write(path, collection(f"Page {number}", self._page, self.base, path))
        self._pages.append((path, f"Page {number}"))
        self._page = []

    def _photo(self, file: FileRow, key: str) -> DecodedPhoto:
        with self.source.open(file["uri"]) as stream:
            data = stream.read()
        verify(file["uri"], "SHA-256", file["sha256"], sha256_bytes(data))
        return decode(data, key=key)

    def _jpeg(self, photo: DecodedPhoto, folder: str, stem: str) -> WebImage:
        """Write an access copy, upright and in sRGB: it carries neither an orientation nor a colour profile."""
        display = Display.of(photo.header, photo.pixels)
        small = shrink_as_stored(to_upright(photo.pixels, photo.header.orientation), self.max_side)
        # What needs no conversion is cut to 8 bits, not rounded, as in every tree before: equal copies stay equal.
        small = shrink(display.convert(shrink(small) if display.is_plain else small), self.max_side)
        path = free_path(self.folder, f"{folder}/{stem}.jpg")
        self._write(path, encode_jpeg_preview(small, self.max_side))
        return WebImage(path, small.shape[1], small.shape[0])

    def _mask(self, file: FileRow, turn: int, folder: str, stem: str, key: str) -> WebImage:
        # The mask lies as the master is stored, and says nothing about the orientation itself.
        upright: NDArray[Any] = to_upright(self._photo(file, key).pixels, turn)
        height, width = upright.shape[:2]
        scale = min(1.0, self.max_side / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        # Any damaged pixel marks the pixel that shows it: a thin scratch must not vanish.
        small = cv2.resize((upright > 127).astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
        path = free_path(self.folder, f"{folder}/{stem}.png")
        self._write(path, encode_mask(small))
        return WebImage(path, size[0], size[1], "image/png")

    def _write(self, path: str, data: bytes | str) -> None:
        encoded = data.encode("utf-8") if isinstance(data, str) else data
        write_new(placed(self.folder, path), encoded)
        self.files += 1
