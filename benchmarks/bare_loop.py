"""The bare restorer in a loop, in one process: decode, detect, translate, look for faces; nothing is written.

``python -m benchmarks.bare_loop FOLDER`` prints one JSON object with photos a second. The networks are loaded
and one photo is restored before the clock starts.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path


def main() -> None:
    """Restore every photo of a folder and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()

    import cv2
    import torch

    from oldphoto_core import load_restorer
    from oldphoto_core.image_io import decode, to_upright

    torch.set_num_threads(given.threads)
    cv2.setNumThreads(given.threads)
    restorer = load_restorer(device=given.device)

    def restore(path: Path) -> int:
        photo = decode(path.read_bytes(), key=path.name)
        pixels = to_upright(photo.pixels, photo.header.orientation)
        detection = restorer.detect(pixels)
        translation = restorer.translate(pixels, detection)
        if translation.needed:
            restorer.enhance(pixels, translation.restored)
        return int(pixels.shape[0] * pixels.shape[1])

    paths = sorted(given.folder.iterdir())
    restore(paths[0])
    began = time.perf_counter()
    pixels = sum(map(restore, paths))
    seconds = time.perf_counter() - began
    print(
        json.dumps(
            {
                "photos": len(paths),
                "megapixels": pixels / 1e6,
                "seconds": seconds,
                "photos_per_s": len(paths) / seconds,
                "seconds_per_megapixel": seconds / (pixels / 1e6),
            }
        )
    )


if __name__ == "__main__":
    main()
