"""``oldphoto export parquet|csv|premis|bag|iiif DEST``: the catalog and its photos for other systems.

Exit codes: 0 written; 3 refused (photos are not approved), or written without photos that could not be exported;
they are named; 1 a file or the catalog cannot be used; 2 wrong usage.
"""

from __future__ import annotations

import getpass
import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from cli.exit_codes import EXIT_INCOMPLETE
from cli.options import CatalogOption, CollectionOption, catalog_url
from oldphoto_core.errors import StorageError, UsageError

if TYPE_CHECKING:
    from flows.packages import PackageRequest, PackageSummary

MAX_SIDE = 4096
_SHOWN = 20


class Form(StrEnum):
    """What is exported."""

    PARQUET = "parquet"
    CSV = "csv"
    PREMIS = "premis"
    BAG = "bag"
    IIIF = "iiif"


class TableForm(StrEnum):
    """What whole tables are exported as."""

    PARQUET = "parquet"
    CSV = "csv"


def register(app: typer.Typer) -> None:
    """Add ``export`` to the command line."""
    app.command()(export)


def export(
    form: Annotated[
        Form, typer.Argument(metavar="FORM", help="parquet and csv: the documented views; else the photos.")
    ],
    destination: Annotated[str, typer.Argument(metavar="DEST", help="A new or empty folder.")],
    catalog: CatalogOption = None,
    collection: CollectionOption = None,
    for_publication: Annotated[
        bool, typer.Option("--for-publication", help="Refuse unless every photo is approved.")
    ] = False,
    approved_only: Annotated[
        bool, typer.Option("--approved-only", help="Leave out what is not approved.")
    ] = False,
    with_masters: Annotated[
        bool, typer.Option("--with-masters", help="bag: put the masters in as well.")
    ] = False,
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="iiif: where the folder will be published.")
    ] = None,
    max_side: Annotated[
        int | None, typer.Option(help=f"iiif: longest side of the access copies ({MAX_SIDE}).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Export the catalog as tables, or photos as PREMIS documents, a bag or a IIIF tree."""
    from flows.packages import Form as PackageForm
    from flows.packages import PackageRequest
    from storage.places import folder_here

    _require_form(form, Form.BAG, {"--with-masters": with_masters or None})
    _require_form(form, Form.IIIF, {"--base-url": base_url, "--max-side": max_side})
    folder = folder_here(destination)
    if form.value in list(TableForm):
        if for_publication or approved_only or collection:
            raise UsageError(f"{form} exports the whole catalog. Leave out the options that choose photos.")
        export_tables(catalog_url(catalog), form, folder, as_json=as_json)
        return
    request = PackageRequest(
        cast(PackageForm, form.value),
        folder,
        collection,
        for_publication=for_publication,
        approved_only=approved_only,
        with_masters=with_masters,
        base_url=base_url,
        max_side=MAX_SIDE if max_side is None else max_side,
        actor=user_name(),
    )
    summary = run_export(catalog_url(catalog), request)
    if as_json:
        typer.echo(json.dumps(summary))
    else:
        print_summary(summary, all_or_nothing=request.all_or_nothing)
    if not summary["written"] or summary["unavailable"]:
        raise typer.Exit(EXIT_INCOMPLETE)


def _require_form(form: Form, needed: Form, options: dict[str, object]) -> None:
    """Refuse options that another form would not look at. Raises UsageError."""
    given = [name for name, value in options.items() if value is not None]
    if given and form is not needed:
        raise UsageError(f"{given[0]} is for {needed}. Leave it out, or export {needed}.")


def run_export(url: str, request: PackageRequest) -> PackageSummary:
    """Export photos with a progress bar. Raises UsageError, StorageError, FixityError, CatalogError."""
    from cli.interrupts import stopped_in_order
    from cli.watcher import Watcher
    from flows.packages import export_photos
    from flows.progress import listening
    from schemas.repository import Catalog

    request.check()
    with (
        stopped_in_order("nothing was exported"),
        Watcher() as watcher,
        listening(watcher),
        Catalog.open(url, create=False) as opened,
    ):
        return export_photos(opened, request)


def export_tables(url: str, form: str, destination: Path, *, as_json: bool, everything: bool = False) -> None:
    """Export the views (or with ``everything`` every table) as files. Raises StorageError, CatalogError."""
    from cli.progress import progress_bar
    from schemas import session
    from schemas.exports import tabular
    from schemas.repository import Catalog

    sources = tabular.tables() if everything else tabular.views()
    with Catalog.open(url, create=False) as opened, progress_bar() as bar:
        task = bar.add_task("exporting", total=len(sources), note="")
        try:
            with session.read(opened.engine) as connection:
                written = tabular.write_all(
                    connection,
                    sources,
                    destination,
                    form,
                    on_progress=lambda name: bar.update(task, advance=1, note=name),
                )
        except OSError as error:
            raise StorageError(
                f"{destination} cannot be written: {error.strerror}. Choose another folder."
            ) from error
    if as_json:
        files = [{"path": str(file.path), "rows": file.rows} for file in written]
        typer.echo(json.dumps({"form": form, "destination": str(destination), "files": files}))
    else:
        for file in written:
            typer.echo(f"{file.path}  {file.rows:,} rows")


def print_summary(summary: PackageSummary, *, all_or_nothing: bool) -> None:
    """Print what was written, what was left out of it and why, or who was refused and what to do.

    ``all_or_nothing`` says that one photo which is not approved kept back all others.
    """
    from cli.formats import printable

    held_back = all_or_nothing and summary["left_out"] > summary["unavailable"]
    what = "not approved" if held_back else "left out"
    for one in summary["refused"][:_SHOWN]:
        typer.echo(printable(f"{what}: {one['key']} [{one['collection']}]: {one['reason']}"))
    if summary["left_out"] > _SHOWN:
        typer.echo(f"… and {summary['left_out'] - _SHOWN:,} more")
    if not summary["written"]:
        because = "there is no photo."
        if held_back:
            because = (
                f"{summary['left_out']:,} photos are not approved. Decide on those that were restored (oldphoto "
                "review), see to the others (oldphoto show KEY), or leave them all out with --approved-only."
            )
        elif summary["left_out"]:
            because = f"all {summary['left_out']:,} photos were left out."
        typer.echo(f"Nothing was written: {because}")
        return
    left = f", {summary['left_out']:,} left out" if summary["left_out"] else ""
    typer.echo(f"{summary['photos']:,} photos, {summary['files']:,} files in {summary['destination']}{left}")


def user_name() -> str:
    """Return who runs the command, for the audit."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "system"
