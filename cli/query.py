"""``oldphoto runs | flagged | show | stats``: what the catalog knows.

These commands only read: they never make a catalog and never change one. Exit codes: 0 answered (also with
nothing found), 1 the catalog cannot be opened or the output not written, 2 wrong usage.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.dossier import print_dossiers
from cli.formats import Format, chosen_format, print_rows
from cli.options import (
    CatalogOption,
    CollectionOption,
    FormatOption,
    JsonOption,
    OutputOption,
    catalog_url,
    storable,
)
from oldphoto_core.errors import UsageError
from schemas.records import COUNTS

if TYPE_CHECKING:
    from schemas.repository import Catalog

_AGE = re.compile(r"(\d+)\s*([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

RUN_COLUMNS = ("run", "collection", "recipe", "state", "started_at", "seconds", *COUNTS)
FLAGGED_COLUMNS = ("work_item", "collection", "key", "outcome", "reason", "flags", "restored")


class Outcome(StrEnum):
    """What ``flagged --outcome`` asks for."""

    DONE = "done"
    SKIPPED = "skipped"
    QUARANTINED = "quarantined"
    FAILED = "failed"


class Group(StrEnum):
    """What ``stats --by`` totals."""

    OUTCOME = "outcome"
    COLLECTION = "collection"
    FLAG = "flag"
    RUN = "run"


def register(app: typer.Typer) -> None:
    """Add the query commands to the command line."""
    for command in (runs, flagged, show, stats):
        app.command()(command)


def runs(
    catalog: CatalogOption = None,
    collection: CollectionOption = None,
    limit: Annotated[int, typer.Option(min=1, callback=storable, help="At most so many.")] = 20,
    after: Annotated[
        int | None, typer.Option(metavar="RUN", callback=storable, help="Go on after this run.")
    ] = None,
    form: FormatOption = Format.TABLE,
    as_json: JsonOption = False,
    output: OutputOption = None,
) -> None:
    """List runs, newest first, with what became of their photos."""
    form = chosen_format(form, as_json)
    with _reading(catalog) as opened:
        rows = opened.runs(collection=collection, limit=limit, after=after)
        print_rows(rows, query="runs", form=form, output=output, table_columns=RUN_COLUMNS)
        _point_on(rows, "run", limit)


def flagged(
    catalog: CatalogOption = None,
    flag: Annotated[
        str | None,
        typer.Option(metavar="CODE", help="With this open flag; `oldphoto stats --by flag` lists them."),
    ] = None,
    minimum: Annotated[
        float | None, typer.Option("--min", metavar="VALUE", help="The flag's value is at least this.")
    ] = None,
    collection: CollectionOption = None,
    outcome: Annotated[
        Outcome | None, typer.Option(help="Those that ended so, with or without flags.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="AGE", help="Ended since: 30m, 12h, 7d, 2w or a date.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(metavar="SHA256", help="Of this recipe (its beginning).")
    ] = None,
    run: Annotated[int | None, typer.Option(callback=storable, help="Of this run.")] = None,
    limit: Annotated[int, typer.Option(min=1, callback=storable, help="At most so many.")] = 100,
    after: Annotated[
        int | None, typer.Option(metavar="CURSOR", callback=storable, help="Go on after this work item.")
    ] = None,
    form: FormatOption = Format.TABLE,
    as_json: JsonOption = False,
    output: OutputOption = None,
) -> None:
    """List what a curator should look at, newest first."""
    form = chosen_format(form, as_json)
    with _reading(catalog) as opened:
        if flag is not None:
            _check_flag(opened, flag)
        rows = opened.flagged(
            flag=flag,
            minimum=minimum,
            collection=collection,
            since=None if since is None else parse_since(since),
            recipe=recipe,
            outcome=outcome,
            run_id=run,
            limit=limit,
            after=after,
        )
        print_rows(rows, query="flagged", form=form, output=output, table_columns=FLAGGED_COLUMNS)
        _point_on(rows, "work_item", limit)


def show(
    asset: Annotated[
        str,
        typer.Argument(
            metavar="ASSET",
            help="A photo's key, or the beginning of its SHA-256 (or of a file made from it).",
        ),
    ],
    catalog: CatalogOption = None,
    collection: CollectionOption = None,
    limit: Annotated[int, typer.Option(min=1, callback=storable, help="At most so many photos.")] = 20,
    after: Annotated[
        int | None, typer.Option(metavar="ASSET", callback=storable, help="Go on after this asset number.")
    ] = None,
    form: FormatOption = Format.TABLE,
    as_json: JsonOption = False,
    output: OutputOption = None,
) -> None:
    """Show everything about a photo: what it is, what was done, what came of it."""
    form = chosen_format(form, as_json)
    with _reading(catalog) as opened:
        rows = opened.show(asset, collection=collection, limit=limit, after=after)
        if form is Format.TABLE:
            print_dossiers(rows, output)
        else:
            print_rows(rows, query="show", form=form, output=output, table_columns=())
        _point_on(rows, "asset", limit)


def stats(
    catalog: CatalogOption = None,
    by: Annotated[Group, typer.Option(help="What to total.")] = Group.OUTCOME,
    collection: CollectionOption = None,
    form: FormatOption = Format.TABLE,
    as_json: JsonOption = False,
    output: OutputOption = None,
) -> None:
    """Print totals by outcome, collection, flag or run."""
    from schemas.arrow import columns

    form = chosen_format(form, as_json)
    query = f"stats-{by}"
    with _reading(catalog) as opened:
        rows = opened.stats(by, collection=collection)
        print_rows(rows, query=query, form=form, output=output, table_columns=columns(query))


def parse_since(text: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> datetime:
    """Return the instant that ``7d`` (m, h, d, w ago) or an ISO date or time means. Raises UsageError."""
    if age := _AGE.fullmatch(text.strip()):
        try:
            return now() - timedelta(**{_UNITS[age[2]]: int(age[1])})
        except OverflowError:
            raise UsageError(f"--since {text!r} is before all time") from None
    try:
        # A date without a zone is of this machine's; of the first and last days there are none in UTC.
        return datetime.fromisoformat(text.strip()).astimezone(UTC)
    except OverflowError:
        raise UsageError(f"--since {text!r} is before all time, or after it") from None
    except ValueError:
        raise UsageError(
            f"--since {text!r} is neither an age such as 7d nor a date such as 2024-05-31"
        ) from None


def _check_flag(catalog: Catalog, code: str) -> None:
    """Tell a mistyped flag from one that no photo has. Raises UsageError."""
    from oldphoto_core.flag_words import FLAG_NAMES

    known = {*FLAG_NAMES, *(row["flag"] for row in catalog.stats("flag"))}
    if code not in known:
        raise UsageError(f"there is no flag {code!r} (there are: {', '.join(sorted(known))})")


@contextmanager
def _reading(given: str | None) -> Iterator[Catalog]:
    """Open the catalog for reading. Who reads the output (``head``) and has seen enough is no failure."""
    from schemas.repository import Catalog

    with suppress(BrokenPipeError), Catalog.open(catalog_url(given), create=False) as catalog:
        yield catalog


def _point_on(rows: Sequence[Mapping[str, Any]], cursor: str, limit: int) -> None:
    """Say, beside what is printed, that this may not be all, and how to see the rest."""
    if len(rows) == limit:
        typer.echo(
            f"These are {limit:,}; there may be more: --after {rows[-1][cursor]}, or a higher --limit",
            err=True,
        )
