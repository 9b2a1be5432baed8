"""A tree of IIIF Presentation 3 manifests with access copies, to be put on a web server as it is.

``collection.json`` leads to pages of a thousand manifests each; pictures are JPEG, masks PNG, upright and no
larger than asked for. Access copies are made from files whose digests are compared first.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from actors.storage import Anywhere
from flows.package_files import collection_folder, placed, write_new
from flows.previews import shrink
from oldphoto_core.errors import UsageError
from oldphoto_core.fixity import sha256_bytes, verify
from oldphoto_core.image_io import decode, encode_jpeg_preview, encode_mask, to_upright
from oldphoto_core.photo import Pixels
from schemas.exports.approval import Dossier, file_of, output_of
from schemas.exports.iiif import WebImage, WebPhoto, collection, manifest
from schemas.records import DerivativeKind

PAGE = 1000
"""Manifests in one collection document."""


class IiifPackage:
    """A IIIF tree, being written.

    Args:
        destination: its folder.
        files: where masters and derivatives come from.
        base: the address under which the folder will be published.
        max_side: longest side of an access copy, in pixels.
    """

    def __init__(self, destination: Path, files: Anywhere, base: str, max_side: int) -> None:
        if max_side < 64:
            raise UsageError(f"Access copies of {max_side} pixels show nothing. Give 64 or more.")
        self.destination, self.source, self.base, self.max_side = destination, files, base, max_side
        self.files = 0
        self._page: list[tuple[str, str]] = []
        self._pages: list[tuple[str, str]] = []

    def add(self, dossier: Dossier) -> None:
        """Write one photo's access copies and its manifest; a photo without readable master is left out."""
        if not dossier["sha256"] or not dossier["locations"]:
            return
        folder, stem = collection_folder(dossier["collection"]), dossier["stem"]
        uri = dossier["locations"][0]["uri"]
        pixels, turn = self._pixels({"uri": uri, "sha256": dossier["sha256"]}, dossier["key"])
        size = (pixels.shape[1], pixels.shape[0])
        original = self._jpeg(pixels, f"{folder}/original", stem)
        output, mask = output_of(dossier), file_of(dossier, DerivativeKind.MASK)
        restored = None
        if output is not None:
            restored = self._jpeg(self._pixels(output, dossier["key"])[0], f"{folder}/restored", stem)
        drawn = self._mask(mask, turn, f"{folder}/mask", stem, dossier["key"]) if mask and output else None
        path = f"{folder}/manifests/{stem}.json"
        shown = WebPhoto(path, *size, original, restored, drawn)
        self._write(path, manifest(dossier, shown, self.base))
        self._page.append((path, dossier["key"]))
        if len(self._page) == PAGE:
            self._turn_page()

    def finish(self) -> None:
        """Write the collection that leads to all of it."""
        if self._page or not self._pages:
            self._turn_page()
        self._write(
            "collection.json", collection("oldphoto", self._pages, self.base, "collection.json", "Collection")
        )

    def _turn_page(self) -> None:
        number = len(self._pages) + 1
        path = f"pages/{number}.json"
        self._write(path, collection(f"Page {number}", self._page, self.base, path))
        self._pages.append((path, f"Page {number}"))
        self._page = []

    def _pixels(self, file: Mapping[str, Any], key: str) -> tuple[Pixels, int]:
        with self.source.open(file["uri"]) as stream:
            data = stream.read()
        verify(file["uri"], "SHA-256", file["sha256"], sha256_bytes(data))
        photo = decode(data, key=key)
        turn = photo.header.orientation
        return to_upright(photo.pixels, turn), turn

    def _jpeg(self, pixels: Pixels, folder: str, stem: str) -> WebImage:
        small = shrink(pixels, self.max_side)
        path = f"{folder}/{stem}.jpg"
        self._write(path, encode_jpeg_preview(small, self.max_side))
        return WebImage(path, small.shape[1], small.shape[0])

    def _mask(self, file: Mapping[str, Any], turn: int, folder: str, stem: str, key: str) -> WebImage:
        stored, _ = self._pixels(file, key)
        # The mask lies as the master is stored, and says nothing about the orientation itself.
        upright: NDArray[Any] = np.ascontiguousarray(to_upright(stored, turn))
        height, width = upright.shape[:2]
        scale = min(1.0, self.max_side / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        # Any damaged pixel marks the pixel that shows it: a thin scratch must not vanish.
        small = cv2.resize((upright > 127).astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
        path = f"{folder}/{stem}.png"
        self._write(path, encode_mask(small))
        return WebImage(path, size[0], size[1], "image/png")

    def _write(self, path: str, data: bytes | str) -> None:
        encoded = data.encode("utf-8") if isinstance(data, str) else data
        write_new(placed(self.destination, path), encoded)
        self.files += 1
