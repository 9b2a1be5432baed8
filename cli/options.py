"""Options that several commands share, and what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.formats import Format
from flows.catalog_urls import CATALOG_VARIABLE
from schemas.records import LARGEST_NUMBER

CatalogOption = Annotated[
    str | None,
    typer.Option(
        "--catalog",
        envvar=CATALOG_VARIABLE,
        metavar="URL",
        help="sqlite:///FILE, postgresql://…, or a destination folder that holds catalog.db. "
        "Default: catalog.db in the current folder.",
    ),
]
CatalogOfDestinationOption = Annotated[
    str | None,
    typer.Option(
        "--catalog", envvar=CATALOG_VARIABLE, metavar="URL", help="Default: catalog.db in DESTINATION."
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", help="How to print.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
OutputOption = Annotated[
    Path | None, typer.Option("--output", metavar="FILE", help="Write to a file instead of standard output.")
]
CollectionOption = Annotated[
    str | None, typer.Option("--collection", metavar="NAME", help="Only this collection.")
]


def storable(number: int | None) -> int | None:
    """Return a number that a database can hold; a bound of nineteen digits would be all that one sees of an option.

    Raises typer.BadParameter, which is wrong usage.
    """
    if number is not None and number > LARGEST_NUMBER:
        raise typer.BadParameter(f"{number} is larger than any number of a catalog.")
    return number


def catalog_url(given: str | None) -> str:
    """Return the URL of the catalog that the caller means.

    Nothing or an empty string: ``catalog.db`` in the current folder. Raises UsageError for a URL of another kind.
    """
    from flows import catalog_urls

    return catalog_urls.catalog_url(given or catalog_urls.CATALOG_FILE)
