"""``oldphoto synthesize``: a contact sheet of what the ageing synthesis does to a folder's photographs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add ``synthesize`` to the command line."""
    app.command("synthesize")(synthesize)


def synthesize(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of clean photographs.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Picture to write (.png or .jpg).")],
    profile: Annotated[
        str, typer.Option(help="How they are aged: seed | archive (fading, stains and screens as well)")
    ] = "archive",
    count: Annotated[int, typer.Option(min=1, max=500, help="How many photographs.")] = 24,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first; the next ones follow.")] = 0,
    size: Annotated[int, typer.Option(min=32, help="Side of the middle crop, in pixels.")] = 256,
    defects: Annotated[
        Path | None,
        typer.Option(help="Folder of defect pictures (default: defects/ in or beside DIR, else drawn)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Age photographs and lay clean, aged and mask side by side."""
    from cli.pictures import check_picture, write_picture
    from oldphoto_core.degradation import PROFILES, DefectLibrary, age, contact_sheet, sample_recipe
    from oldphoto_core.errors import UsageError
    from oldphoto_core.evaluation.pairs import damage_library, list_photos, middle, read_photo

    if profile not in PROFILES:
        raise UsageError(f"There is no profile {profile!r}. Choose one of {', '.join(sorted(PROFILES))}.")
    if not directory.is_dir():
        raise UsageError(f"{directory} is not a folder. Name one with clean photographs.")
    paths = list_photos(directory)
    if not paths:
        raise UsageError(f"{directory} holds no photographs.")
    check_picture(out)
    # What training and evaluate use.
    library = DefectLibrary.from_directory(defects) if defects else damage_library(directory)
    rows = []
    for number in range(count):
        clean = middle(read_photo(paths[number % len(paths)]), size)
        pair = age(clean, sample_recipe(seed + number, PROFILES[profile]), library)
        rows.append((pair.clean, pair.aged, pair.mask))
    write_picture(out, contact_sheet(rows, side=min(size, 384)))
    if as_json:
        typer.echo(json.dumps({"out": str(out), "photographs": count, "profile": profile, "seed": seed}))
    else:
        typer.echo(f"{out}: {count} photographs, profile {profile}")
