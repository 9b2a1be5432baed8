"""``oldphoto evaluate``: metrics against ground truth, with the OpenCV chain beside ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Generic, Protocol, TypeVar

import typer

if TYPE_CHECKING:
    from oldphoto_core.evaluation import ComparedPhoto, SeenFace
    from oldphoto_core.restore import Restorer

_SHEET_ROWS = 12


class Split(StrEnum):
    """Which photographs take part, by the hash of their names."""

    ALL = "all"
    VALIDATION = "validation"
    TRAINING = "training"


def register(app: typer.Typer) -> None:
    """Add ``evaluate`` to the command line."""
    app.command("evaluate")(evaluate)


def evaluate(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Clean photographs, or clean/ and aged/ (and masks/).")
    ],
    profile: Annotated[str, typer.Option(help="How clean photographs are aged: seed | archive")] = "seed",
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many photographs, and portraits.")
    ] = None,
    split: Annotated[Split, typer.Option(help="Which photographs take part.")] = Split.ALL,
    size: Annotated[int, typer.Option(min=32, help="Side of the middle crop that is aged, in pixels.")] = 256,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the ageing.")] = 0,
    annotated: Annotated[Path | None, typer.Option(help="Folder of hand-made masks of real damage.")] = None,
    photos: Annotated[Path | None, typer.Option(help="Their photographs (default: old/ beside it).")] = None,
    faces: Annotated[Path | None, typer.Option(help="Folder of portraits, for the face stage.")] = None,
    ablation: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=DIR",
            help="Measure these weights too, under NAME; networks that DIR lacks are ours. Repeatable.",
        ),
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(help="Picture to write: before, mask, ours, chain, truth; then faces.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto | cpu | cuda")] = "auto",
    config: Annotated[str, typer.Option(help="compact | paper")] = "compact",
    weights: Annotated[
        Path | None, typer.Option(help="Folder of weights (default: the shipped ones).")
    ] = None,
    cards: Annotated[
        bool, typer.Option("--cards", help="Write the figures into the model cards of --weights.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure restoration, detection and faces; the untouched input and an OpenCV chain stand beside ours."""
    from cli.pictures import check_picture, write_picture
    from cli.progress import progress_bar
    from oldphoto_core.errors import UsageError
    from oldphoto_core.evaluation import (
        comparison_sheet,
        evaluate_detection,
        evaluate_directory,
        evaluate_faces,
        write_metrics,
    )
    from oldphoto_core.evaluation.pairs import damage_library
    from oldphoto_core.restore import load_restorer

    if cards and weights is None:
        raise UsageError("--cards changes model cards. Name the folder of weights with --weights.")
    if sheet is not None:
        check_picture(sheet)
    restorer = load_restorer(device=device, config=config, weights=weights)  # type: ignore[arg-type]
    ablations = _ablations(ablation or (), config, device, weights)
    keep = _keep(split, annotated=False)
    photographs: _Shown[ComparedPhoto] = _Shown()
    portraits: _Shown[SeenFace] = _Shown()
    with progress_bar() as bar:
        task = bar.add_task("evaluating", total=None, note="")

        def advance(name: str, done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, note=name)

        report = evaluate_directory(
            directory,
            restorer,
            ablations=ablations,
            profile=profile,
            limit=limit,
            size=size,
            seed=seed,
            keep=keep,
            watch=photographs.watch(advance),
        )
        if annotated is not None:
            bar.update(task, total=None, note="damage marked by hand")
            old = photos or annotated.parent / "old"
            kept = _keep(split, annotated=True)
            marked = evaluate_detection(old, annotated, restorer, kept, ablations=ablations)
            report = replace(report, annotated=marked)
        if faces is not None and restorer.available_tiers:
            found = evaluate_faces(
                faces,
                restorer,
                library=damage_library(faces),
                profile=profile,
                limit=limit,
                seed=seed,
                keep=keep,
                watch=portraits.watch(advance),
            )
            report = replace(report, faces=found)
    report = replace(report, computed_in=restorer.computes_in)
    if split is not Split.VALIDATION:
        note = (
            "photographs that the shipped weights were trained on may be among these; see --split validation"
        )
        report = replace(report, notes=(*report.notes, note))
    if weights is not None and cards:
        write_metrics(report, weights)
    typer.echo(report.to_json() if json else report.to_text())
    # Last: a disk that does not take it takes no figures away.
    if sheet is not None:
        write_picture(sheet, comparison_sheet(photographs.kept, portraits.kept))


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Seen = TypeVar("_Seen", bound=_Named)


class _Shown(Generic[_Seen]):
    """The first pictures of an evaluation, kept for its sheet while the bar advances."""

    def __init__(self) -> None:
        self.kept: list[_Seen] = []

    def watch(self, advance: Callable[[str, int, int], None]) -> Callable[[_Seen, int, int], None]:
        """Return the callback of an evaluation."""

        def look(seen: _Seen, done: int, total: int) -> None:
            advance(seen.name, done, total)
            if len(self.kept) < _SHEET_ROWS:
                self.kept.append(seen)

        return look


def _ablations(given: Sequence[str], config: str, device: str, weights: Path | None) -> dict[str, Restorer]:
    """Load the restorers that ``--ablation NAME=DIR`` names."""
    from oldphoto_core.errors import UsageError
    from oldphoto_core.evaluation.methods import check_names
    from oldphoto_core.restore import load_restorer
    from oldphoto_core.weights.cards import shipped

    check_names(one.partition("=")[0] for one in given)
    restorers = {}
    for one in given:
        name, separator, folder = one.partition("=")
        if not separator or not name or not Path(folder).is_dir():
            raise UsageError(
                f"--ablation {one!r} is not NAME=DIR with a folder of weights. Example: plain-ae=W/plain"
            )
        ours = weights or shipped(config, "any").parent
        restorers[name] = load_restorer(
            device=device,
            config=config,  # type: ignore[arg-type]
            weights=Path(folder),
            lacking=ours,
        )
    return restorers


def _keep(split: Split, *, annotated: bool) -> Callable[[str], bool] | None:
    """Return the choice of photographs; annotated ones have a split of their own, half and half."""
    from oldphoto_core.training.split import in_annotated_validation, in_validation

    held_out = in_annotated_validation if annotated else in_validation
    if split is Split.ALL:
        return None
    return held_out if split is Split.VALIDATION else (lambda name: not held_out(name))
