"""``oldphoto redo``: make photos again that reviewers asked for at the desk, with the masks that they drew."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exit_codes import EXIT_INCOMPLETE
from cli.options import CatalogOfDestinationOption

if TYPE_CHECKING:
    from cli.watcher import Watcher
    from flows.summary import RedoSummary


def register(app: typer.Typer) -> None:
    """Add ``redo`` to the command line."""
    app.command()(redo)


def redo(
    destination: Annotated[
        str, typer.Argument(metavar="DESTINATION", help="Folder or s3://bucket/prefix of the results.")
    ],
    catalog: CatalogOfDestinationOption = None,
    collection: Annotated[str | None, typer.Option(metavar="NAME", help="Only this collection.")] = None,
    device: Annotated[str, typer.Option(help="auto | cpu | cuda")] = "auto",
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many photos, those that wait not counted.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")] = False,
) -> None:
    """Make photos again that reviewers asked for, with the masks that they drew; nothing is overwritten."""
    from cli.ending import concluding
    from cli.engines import engines
    from cli.environment import keep_password

    url = keep_password(catalog)
    with concluding(lambda heard: conclude(heard, as_json)) as watcher, engines("inline"):
        from flows.progress import listening
        from flows.redo import redo as redo_flow

        with listening(watcher):
            redo_flow(destination, url, collection, device, limit)


def conclude(watcher: Watcher, as_json: bool) -> int:
    """Print what became of the requests and return the exit code."""
    summary = watcher.summary
    if summary is None:
        raise ValueError("the requests have not been gone through")
    if as_json:
        print(json.dumps(asdict(summary)))
    else:
        print_summary(summary)
    return EXIT_INCOMPLETE if summary.problems else 0


def print_summary(summary: RedoSummary) -> None:
    """Print what became of the requests."""
    answered = summary.done or summary.gone_back or summary.superseded
    if not (answered or summary.waiting or summary.problems):
        print("Nobody has asked for anything to be done again.")
    for key in summary.done:
        print(f"done again  {key}")
    for key, reason in summary.gone_back.items():
        print(f"gone back   {key}: {reason}")
    for key, reason in summary.superseded.items():
        print(f"let go      {key}: {reason}")
    for key, reason in summary.waiting.items():
        print(f"waits       {key}: {reason}")
    for key, problem in summary.problems.items():
        print(f"not done    {key}: {problem}")
