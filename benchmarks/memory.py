"""Memory against scan size: one TIFF after the other, from 12 to 200 megapixels, each in a process of its own.

    python -m benchmarks.memory                                     # 16-bit colour, about 8 minutes a 200 MP
    python -m benchmarks.memory --sizes 3 6 --by-parts              # a quick look

The peak is the restoring process's own, as the kernel counted it (``VmHWM``). The scan is a photograph repeated
over the sheet, with scratches; it is written by strips and never lies in memory here either.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from benchmarks.common import plot, python, report

GIB = 1024**3


def main() -> None:
    """Measure each size and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=float, nargs="+", default=[12, 50, 100, 200], help="megapixels")
    parser.add_argument("--bits", type=int, choices=(8, 16), default=16)
    parser.add_argument("--grey", action="store_true")
    parser.add_argument("--memory", type=float, default=3.0, help="GiB, as in oldphoto restore")
    parser.add_argument("--by-parts", action="store_true", help="small scans too")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one is not None:
        print(json.dumps(restored(given.one, given.memory, given.by_parts, given.threads)))
        return
    found = [measured(size, given) for size in given.sizes]
    peaks = [one["peak_gib"] for one in found]
    figures = {"memory_gib": given.memory, "scans": found, "largest_to_smallest": max(peaks) / min(peaks)}
    report("memory", figures)
    plot(
        "memory",
        {"peak of the process": ([one["megapixels"] for one in found], peaks)},
        x="megapixels",
        y="GiB",
    )


def measured(megapixels: float, given: argparse.Namespace) -> dict[str, Any]:
    """Write a scan of this size, restore it in another process, and return what that says."""
    with tempfile.TemporaryDirectory(prefix="oldphoto-memory-") as folder:
        place = Path(folder, "scans")
        place.mkdir()
        write_scan(place / "plate.tif", megapixels, given.bits, given.grey)
        options = ["--one", folder, "--memory", str(given.memory), "--threads", str(given.threads)]
        options += ["--by-parts"] if given.by_parts else []
        return python("benchmarks.memory", *options, threads=given.threads)


def write_scan(path: Path, megapixels: float, bits: int, grey: bool) -> None:
    """Write a 4:3 TIFF (deflate, strips of 64 rows) of a scratched photograph, repeated."""
    from skimage import data

    width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
    height = round(width * 3 / 4)
    photo: NDArray[Any] = data.camera() if grey else data.astronaut()
    photo = photo.astype(np.uint16) * 257 if bits == 16 else photo
    top = np.iinfo(photo.dtype).max
    photo[40:470, 200] = photo[300, 60:400] = photo[100:120, 380:395] = top

    def bands() -> Iterator[bytes]:
        from imagecodecs import zlib_encode

        across = -(-width // photo.shape[1])
        for row in range(0, height, 64):
            lines = photo[np.arange(row, min(row + 64, height)) % len(photo)]
            band = np.concatenate([lines] * across, axis=1)[:, :width]
            yield zlib_encode(np.ascontiguousarray(band), level=1)

    shape = (height, width) if grey else (height, width, 3)
    tifffile.imwrite(
        path,
        bands(),
        shape=shape,
        dtype=photo.dtype,
        photometric="minisblack" if grey else "rgb",
        compression="zlib",
        rowsperstrip=64,
        metadata=None,
    )


def restored(folder: Path, memory: float, by_parts: bool, threads: int) -> dict[str, Any]:
    """Restore the scan below ``folder`` in this process; return size, seconds and peak memory."""
    import torch

    from actors.inline import run_inline
    from actors.job import RestoreJob
    from actors.rows import InputRow
    from oldphoto_core.fixity import sha256_stream
    from oldphoto_core.memory import WORKING_SET

    torch.set_num_threads(threads)
    source = folder / "scans" / "plate.tif"
    with source.open("rb") as stream:
        digest, size = sha256_stream(stream)
    job = RestoreJob(str(folder / "scans"), str(folder / "out"), recipe_id="0" * 64, memory=int(memory * GIB))
    if by_parts:
        job = replace(job, memory=WORKING_SET + 50_000_000)
    began = time.perf_counter()
    (row,) = run_inline([InputRow(1, "plate.tif", str(source), digest, "", "plate")], job)
    if row.reason is not None:
        sys.exit(row.reason)
    seconds = time.perf_counter() - began
    return {
        "megapixels": row.measurements["megapixels"],
        "file_mb": size / 1e6,
        "seconds": seconds,
        "seconds_per_megapixel": seconds / row.measurements["megapixels"],
        "peak_gib": peak_bytes() / GIB,
        "written_mb": sum(one.size for one in row.derivatives) / 1e6,
    }


def peak_bytes() -> int:
    """Return this process's peak resident memory."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
