"""``oldphoto verify``: are masters and derivatives still the bytes that the catalog recorded?

Exit codes: 0 all files are as recorded; 3 some are missing, changed or unreadable, and that is recorded;
1 the catalog cannot be used; 2 wrong usage.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exit_codes import EXIT_INCOMPLETE
from cli.options import CatalogOption, CollectionOption, catalog_url

if TYPE_CHECKING:
    from flows.fixity import FixitySummary

_SHOWN = 50
_LEFT = "what was found until then is in the photos' events, and the next check begins from the start"


def register(app: typer.Typer) -> None:
    """Add ``verify`` to the command line."""
    app.command()(verify)


def verify(
    catalog: CatalogOption = None,
    collection: CollectionOption = None,
    sample: Annotated[
        float, typer.Option(metavar="SHARE", help="Look at this share of the photos, drawn at random.")
    ] = 1.0,
    seed: Annotated[int | None, typer.Option(help="Decides which photos are drawn.")] = None,
    masters_only: Annotated[bool, typer.Option("--masters-only", help="Leave derivatives out.")] = False,
    threads: Annotated[int, typer.Option(min=1, max=64, help="Files read at once.")] = 4,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Compare the SHA-256 of masters and derivatives with the catalog, and record what was found."""
    from cli.interrupts import stopped_in_order
    from cli.watcher import Watcher
    from flows.fixity import check_files
    from flows.progress import listening
    from schemas.repository import Catalog

    url = catalog_url(catalog)
    with (
        stopped_in_order(_LEFT),
        Watcher() as watcher,
        listening(watcher),
        Catalog.open(url, create=False) as opened,
    ):
        summary: FixitySummary = check_files(opened, collection, sample, seed, masters_only, threads)
    if as_json:
        typer.echo(json.dumps(summary))
    else:
        print_summary(summary)
    if summary["missing"] or summary["changed"] or summary["unreadable"]:
        raise typer.Exit(EXIT_INCOMPLETE)


def print_summary(summary: FixitySummary) -> None:
    """Print what a person wants to know: which files, what is wrong with them, what to do."""
    from cli.formats import printable

    for problem in summary["problems"][:_SHOWN]:
        what = f"{problem['problem']}: {problem['uri']} ({problem['role']} of {problem['key']})"
        typer.echo(printable(f"{what}. {problem['remedy']}."))
    wrong = summary["missing"] + summary["changed"] + summary["unreadable"]
    if wrong > _SHOWN:
        typer.echo(f"… and {wrong - _SHOWN:,} more; --json names them, and so do the photos' events.")
    typer.echo(
        f"{summary['photos']:,} photos, {summary['files']:,} files, {summary['bytes'] / 1e9:.2f} GB in "
        f"{summary['seconds']:.0f} s: {summary['missing']:,} missing, {summary['changed']:,} changed, "
        f"{summary['unreadable']:,} unreadable"
    )
