"""``oldphoto restore``: the whole job on a folder or a bucket, in this process.

Standard output carries the result and nothing else; progress goes to standard error, as a bar on a terminal
only.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exit_codes import EXIT_FAILED, EXIT_INCOMPLETE
from flows.catalog_urls import CATALOG_VARIABLE
from flows.parameters import RestoreParameters as Default

if TYPE_CHECKING:
    from cli.watcher import Watcher
    from flows.progress import RunDetails
    from flows.request import RestoreRequest
    from flows.summary import RunSummary


def register(app: typer.Typer) -> None:
    """Add ``restore`` to the command line."""
    app.command()(restore)


def restore(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="Folder of scans, or s3://bucket/prefix. Only ever read.")
    ],
    destination: Annotated[
        str, typer.Argument(metavar="DESTINATION", help="Folder or s3://bucket/prefix for the results.")
    ],
    catalog: Annotated[
        str | None,
        typer.Option(
            envvar=CATALOG_VARIABLE,
            metavar="URL",
            help="sqlite:///FILE, postgresql://…, a catalog's file, or a folder that holds catalog.db. "
            "Default: catalog.db in DESTINATION.",
        ),
    ] = None,
    collection: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name in the catalog. Default: the source.")
    ] = None,
    profile: Annotated[
        str,
        typer.Option(
            help="archive | tones-as-scanned (faded ones stay so) | conservation (only damage is filled)"
        ),
    ] = Default.profile,
    tier: Annotated[
        str,
        typer.Option(
            help="Highest tier: conserved (only damage is filled) | restored | enhanced (faces as well)"
        ),
    ] = Default.tier,
    device: Annotated[str, typer.Option(help="auto | cpu | cuda")] = Default.device,
    limit: Annotated[
        int | None, typer.Option(help="Only the first N photographs by name; no other is read.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")
    ] = False,
    manifest: Annotated[
        Path | None, typer.Option(help="sha256sum or BagIt manifest: the scans must match, and be there.")
    ] = None,
    keep_tiers: Annotated[
        bool, typer.Option("--keep-tiers", help="Keep lower tiers too, under tiers/.")
    ] = False,
    weights: Annotated[
        Path | None, typer.Option(help="Folder of weights instead of the shipped ones.")
    ] = None,
    config: Annotated[str, typer.Option(help="Networks: compact | paper")] = Default.config,
    executor: Annotated[str, typer.Option(help="ray | inline (one process)")] = Default.executor,
    memory: Annotated[
        float,
        typer.Option(
            metavar="GIB", help="Memory of a worker, which has two photos in hand; larger ones go by parts."
        ),
    ] = Default.memory,
    workers: Annotated[
        int | None, typer.Option(help="Number of workers. Default: what memory and processors allow.")
    ] = None,
    retry: Annotated[
        bool,
        typer.Option("--retry", help="Try once more what was given up, or quarantined during the work."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")] = False,
) -> None:
    """Restore every photograph of SOURCE that has not been restored yet; results go to DESTINATION."""
    from cli.ending import concluding
    from cli.environment import keep_password
    from flows.request import RestoreRequest

    request = RestoreRequest(
        source=source,
        destination=destination,
        catalog=keep_password(catalog),
        collection=collection,
        profile=profile,
        tier=tier,
        device=device,
        limit=limit,
        dry_run=dry_run,
        manifest=str(manifest) if manifest is not None else None,
        keep_tiers=keep_tiers,
        weights=str(weights) if weights is not None else None,
        config=config,
        executor=executor,
        memory=memory,
        workers=workers,
        retry=retry,
    )
    # Before any engine starts: a typing mistake should not cost ten seconds.
    request.check()
    with concluding(lambda heard: conclude(heard, request, as_json)) as watcher:
        run_flow(request, watcher)


def conclude(watcher: Watcher, request: RestoreRequest, as_json: bool) -> int:
    """Print what became of the run and return the exit code."""
    details = watcher.details
    if details is None:
        raise ValueError("the run has not ended")
    summary = details.summary
    if as_json:
        print(json.dumps(summary))
    else:
        print_result(details, request)
    if summary["pending"] and not request.dry_run:
        print(f"oldphoto: {unfinished(summary, details)}", file=sys.stderr)
        return EXIT_FAILED
    incomplete = summary["quarantined"] or summary["failed"] or details.remarks.incomplete
    return EXIT_INCOMPLETE if incomplete else 0


def run_flow(request: RestoreRequest, watcher: Watcher) -> RunSummary:
    """Run the flow in this process, with ``watcher`` listening."""
    from dataclasses import asdict

    from cli.engines import engines

    with engines("inline" if request.dry_run else request.executor):
        from flows.progress import listening
        from flows.restore_archive import restore_archive

        with listening(watcher):
            summary: RunSummary = restore_archive(**asdict(request))
    return summary


def print_result(details: RunDetails, request: RestoreRequest) -> None:
    """Print what a person wants to know: the numbers, what to look at, and where."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console, summary = Console(), details.summary
    title = "Dry run" if details.dry_run else f"Run {summary['run']}"
    table = Table(title=f"{title}, {summary['seconds']:.0f} s", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for words, number in outcome_rows(details):
        table.add_row(words, f"{number:,}")
    console.print(table)
    for line in closing_lines(details, request):
        console.print(escape(line), soft_wrap=True)


def outcome_rows(details: RunDetails) -> list[tuple[str, int]]:
    """Return the table's rows; outcomes that did not happen are left out."""
    from schemas.repository import MAX_ATTEMPTS

    summary = details.summary
    waiting = "would be restored" if details.dry_run else "still pending"
    given_up = details.given_up
    rows = [
        ("already done by an earlier run", summary["already_done"]),
        (f"restored ({details.tier})", summary["done"]),
        ("needed nothing", summary["skipped"]),
        ("quarantined: the file is at fault", summary["quarantined"]),
        ("failed: a later run tries again", summary["failed"] - given_up),
        (f"given up after {MAX_ATTEMPTS} attempts: --retry tries again", given_up),
        (waiting, summary["pending"]),
    ]
    kept = rows[-1 if details.dry_run else 1][0]
    return [(words, number) for words, number in rows if number or words == kept]


def unfinished(summary: RunSummary, details: RunDetails) -> str:
    """Return why photos that the run was to restore are still pending, and what to do."""
    left = f"{summary['pending']:,} photographs are still pending"
    if details.taken_over_by is None:
        return f"{left}. Run again."
    return (
        f"{left}: run {details.taken_over_by} goes over the same photographs and took them over. Let one run at "
        "a time go over a collection; `oldphoto runs` tells how it stands."
    )


def closing_lines(details: RunDetails, request: RestoreRequest) -> list[str]:
    """Return the sentences under the table."""
    lines = []
    if details.flagged_photos:
        flags = ", ".join(f"{code} {number}" for code, number in sorted(details.flags.items()))
        lines.append(f"Flagged: {details.flagged_photos:,} ({flags})")
        lines.append(f"  oldphoto flagged --catalog {shown_catalog(request)}")
    lines += [
        f"Stage {stage} was off, it has no trained weights: {effect}." for stage, effect in details.stages_off
    ]
    lines += details.remarks.lines()
    if details.report is not None:
        lines.append(f"Report: {details.report}")
    return lines


def shown_catalog(request: RestoreRequest) -> str:
    """Return the catalog's URL without a password."""
    from schemas.urls import shown

    return shown(request.catalog_url())
