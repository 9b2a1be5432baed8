"""``oldphoto demo``: the whole job on photographs that it makes itself."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from oldphoto_core.evaluation.demonstration import Comparison


def register(app: typer.Typer) -> None:
    """Add ``demo`` to the command line."""
    app.command("demo")(demo)


def demo(
    destination: Annotated[
        Path, typer.Argument(metavar="DESTINATION", help="Folder to make; an earlier demo in it is replaced.")
    ],
    executor: Annotated[str, typer.Option(help="ray | inline (one process)")] = "ray",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Age free pictures, restore them as an archive, and print how close the result came to the truth."""
    from cli.engines import engines
    from oldphoto_core.errors import UsageError
    from oldphoto_core.evaluation.demonstration import compare, make_archive

    if destination.exists() and not destination.is_dir():
        raise UsageError(f"{destination} is a file. Name a folder to make.")
    marker = destination / ".oldphoto-demo"
    if destination.exists() and any(destination.iterdir()) and not marker.exists():
        raise UsageError(f"{destination} holds files that no demo made. Name another folder.")
    shutil.rmtree(destination, ignore_errors=True)
    scans, truth, archive = destination / "scans", destination / "truth", destination / "archive"
    make_archive(scans, truth)
    marker.touch()

    def restored(key: str) -> Path | None:
        path = archive / "restored" / f"{key}.png"
        return path if path.exists() else None

    if not as_json:
        typer.echo(f"Made an archive of aged photographs in {scans}; restoring it …")
    with engines(executor):
        from flows.restore_archive import restore_archive

        first = restore_archive(str(scans), str(archive), collection="demo", executor=executor)
        rows = compare(scans, truth, restored)
        if not as_json:
            _print_comparison(rows)
        _write_strips(destination)
        second = restore_archive(str(scans), str(archive), collection="demo", executor=executor)
    if as_json:
        typer.echo(json.dumps({"photos": [asdict(row) for row in rows], "first": first, "second": second}))
        return
    typer.echo(f"\nfirst run : {_counts(dict(first))}")
    typer.echo(f"second run: {_counts(dict(second))}   (nothing is done twice)")
    typer.echo(f"\nreport   {archive / 'report.html'}")
    typer.echo(f"pictures {destination / 'strips'}   (scan, mask, restored, truth)")
    typer.echo(f"catalog  oldphoto flagged --catalog sqlite:///{archive / 'catalog.db'}")
    typer.echo(f"desk     oldphoto review {archive}")


def _counts(summary: dict[str, object]) -> str:
    from schemas.records import COUNTS

    return "  ".join(f"{name} {summary[name]}" for name in (*COUNTS, "seconds"))


def _print_comparison(rows: list[Comparison]) -> None:
    typer.echo(f"\n{'photo':<22}{'PSNR scan':>11}{'restored':>10}{'SSIM scan':>12}{'restored':>10}")
    for row in rows:
        typer.echo(
            f"{row.key:<22}{row.scan_psnr:>11.2f}{row.restored_psnr:>10.2f}"
            f"{row.scan_ssim:>12.3f}{row.restored_ssim:>10.3f}"
        )
    names = ("scan_psnr", "restored_psnr", "scan_ssim", "restored_ssim")
    means = [sum(getattr(row, name) for row in rows) / len(rows) for name in names]
    typer.echo(f"{'mean':<22}{means[0]:>11.2f}{means[1]:>10.2f}{means[2]:>12.3f}{means[3]:>10.3f}")


def _write_strips(destination: Path) -> None:
    from oldphoto_core.evaluation.demonstration import SCANS, before_and_after

    archive = destination / "archive"
    for key, *_ in SCANS:
        parts = [
            destination / "scans" / f"{key}.png",
            archive / "masks" / f"{key}.png",
            archive / "restored" / f"{key}.png",
            destination / "truth" / f"{key}.png",
        ]
        if all(part.exists() for part in parts):
            scan, mask, restored, truth = parts
            before_and_after(
                scan, mask, restored, truth, destination / "strips" / f"{key.replace('/', '-')}.jpg"
            )
