"""A IIIF tree of large scans takes the memory of one of them."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import tifffile

from flows.iiif_tree import IiifPackage
from storage import Anywhere
from tests.flows.packages.exporting import dossier_of


def test_scan_and_result_are_not_held_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.full((1200, 1200, 3), 9000, np.uint16), photometric="rgb")
    size = path.stat().st_size
    package = IiifPackage(tmp_path / "iiif", Anywhere(), "https://archive.example/iiif", 64)
    tracemalloc.start()
    try:
        assert package.add(dossier_of(path)) is None
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2.7 * size, "the bytes and the pixels of one"
