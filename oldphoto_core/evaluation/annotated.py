"""Detection on real photographs whose damage was marked by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from oldphoto_core.errors import UsageError
from oldphoto_core.evaluation.baseline import OpenCvChain
from oldphoto_core.evaluation.methods import Restores, check_names
from oldphoto_core.evaluation.metrics import DetectionTally
from oldphoto_core.evaluation.pairs import Keep, Photo, list_photos, read_mask, read_photo
from oldphoto_core.evaluation.report import CHAIN, OURS, AnnotatedReport
from oldphoto_core.photo import Mask


@dataclass(frozen=True)
class AnnotatedPhoto:
    """A photograph ``H×W×3`` and its true damage, ``H×W``; pixels of ``ignored`` are not counted."""

    name: str
    photo: Photo
    damage: Mask
    ignored: Mask | None = None


def evaluate_detection(
    photos_dir: Path,
    annotated_dir: Path,
    restorer: Restores | None,
    keep: Keep | None = None,
    *,
    ablations: Mapping[str, Restores] | None = None,
) -> AnnotatedReport:
    """Measure detection on real photographs with hand-made masks, at their own size.

    ``annotated_dir`` holds NAME_mask.png (255 = damage) and, optionally, NAME_ignore.png (255 = not counted);
    ``photos_dir`` the photographs NAME.jpg. ``keep`` takes NAME. ``ablations`` are measured like ``restorer``.

    Raises:
        UsageError: no masks, a photograph that is missing, sizes that differ, or an ablation called as
            another method is.
    """
    check_names(ablations or ())
    ours: dict[str, Restores] = {OURS: restorer} if restorer else {}
    methods: dict[str, Restores] = {CHAIN: OpenCvChain(), **ours, **(ablations or {})}
    tallies = {name: DetectionTally() for name in methods}
    photos = damaged = 0
    for one in annotated_photos(photos_dir, annotated_dir, keep):
        photos, damaged = photos + 1, damaged + int(one.damage.any())
        for method, detector in methods.items():
            found = detector.detect(one.photo)
            tallies[method].add(found.probability, found.mask, one.damage, one.ignored)
    scores = {method: tally.scores() for method, tally in tallies.items()}
    return AnnotatedReport(photos=photos, damaged=damaged, detection=scores)


def annotated_photos(
    photos_dir: Path, annotated_dir: Path, keep: Keep | None = None
) -> Iterator[AnnotatedPhoto]:
    """Yield the photographs of which ``annotated_dir`` holds masks, as :func:`evaluate_detection` finds them.

    Raises:
        UsageError: as there.
    """
    if not annotated_dir.is_dir():
        raise UsageError(f"{annotated_dir} is not a folder. Name the one that holds NAME_mask.png files.")
    names = [path.name.removesuffix("_mask.png") for path in sorted(annotated_dir.glob("*_mask.png"))]
    names = [name for name in names if keep is None or keep(name)]
    if not names:
        raise UsageError(f"{annotated_dir} holds no NAME_mask.png that takes part.")
    photos = {path.stem: path for path in list_photos(photos_dir)}
    for name in names:
        if name not in photos:
            raise UsageError(
                f"{photos_dir} has no photograph {name}. Name the folder of the annotated photographs."
            )
        photo, damage = read_photo(photos[name]), read_mask(annotated_dir / f"{name}_mask.png")
        path = annotated_dir / f"{name}_ignore.png"
        ignored = read_mask(path) if path.is_file() else None
        for mask in (damage, ignored):
            if mask is not None and mask.shape != photo.shape[:2]:
                raise UsageError(
                    f"{name}: mask {mask.shape} and photograph {photo.shape[:2]} differ in size."
                )
        yield AnnotatedPhoto(name, photo, damage, ignored)
