"""``oldphoto catalog …``: a prompt for SQL, exports, flag thresholds, the audit chain, and rebuilding.

Exit codes: 0 done; 1 the catalog cannot be used; 2 wrong usage; 3 the audit chain is broken, or something
could not be rebuilt.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exit_codes import EXIT_INCOMPLETE
from cli.export import TableForm, export_tables, user_name
from cli.formats import Format, chosen_format
from cli.options import (
    CatalogOfDestinationOption,
    CatalogOption,
    CollectionOption,
    FormatOption,
    JsonOption,
    catalog_url,
    storable,
)
from oldphoto_core.errors import UsageError

if TYPE_CHECKING:
    from schemas.rules import FlagCount, FlagRuleRecord

FACTORS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
"""Thresholds that `calibrate` tries where none are named: these times the present one."""

ThresholdOption = Annotated[
    list[str] | None,
    typer.Option("--threshold", metavar="CODE=VALUE", help="A flag and its threshold; repeat for more."),
]


def register(app: typer.Typer) -> None:
    """Add ``catalog`` and its subcommands to the command line."""
    group = typer.Typer(name="catalog", help="Look into, check and repair the catalog.", no_args_is_help=True)
    group.command()(shell)
    group.command("export")(export_catalog)
    group.command()(calibrate)
    group.command()(reflag)
    group.command("verify-audit")(verify_audit)
    group.command()(rebuild)
    app.add_typer(group)


def shell(
    catalog: CatalogOption = None,
    sql: Annotated[str | None, typer.Option(help="Run one statement and end.")] = None,
    form: FormatOption = Format.TABLE,
    as_json: JsonOption = False,
) -> None:
    """Open a prompt for SQL that can only read (sqlite3 or psql where they are installed)."""
    from cli.sql_shell import run_prompt, run_statement

    url, form = catalog_url(catalog), chosen_format(form, as_json)
    if sql is not None:
        run_statement(url, sql, form)
        return
    if form is not Format.TABLE:
        raise UsageError("The prompt prints tables. Name a statement with --sql for another format.")
    run_prompt(url)


def export_catalog(
    destination: Annotated[str, typer.Argument(metavar="DEST", help="A folder.")],
    catalog: CatalogOption = None,
    form: Annotated[TableForm, typer.Option("--format", help="What kind of files.")] = TableForm.PARQUET,
    as_json: JsonOption = False,
) -> None:
    """Write every table (accounts without passwords) to a file each."""
    from storage.places import folder_here

    folder = folder_here(destination)
    export_tables(catalog_url(catalog), form, folder, as_json=as_json, everything=True)


def calibrate(
    catalog: CatalogOption = None,
    collection: CollectionOption = None,
    run: Annotated[int | None, typer.Option(callback=storable, help="Only photos of this run.")] = None,
    threshold: ThresholdOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell how many restored photos each threshold would flag; nothing is changed."""
    from schemas.repository import Catalog

    with Catalog.open(catalog_url(catalog), create=False) as opened:
        present = _present(opened.flag_rules())
        rules = _rules(parse_thresholds(threshold) if threshold else _ladder(present))
        photos, counts = opened.calibrate(rules, collection=collection, run_id=run)
    _print_counts(counts, photos, present, as_json=as_json)


def reflag(
    catalog: CatalogOption = None,
    threshold: ThresholdOption = None,
    defaults: Annotated[
        bool, typer.Option("--defaults", help="Back to the thresholds that the program came with.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Set thresholds and apply them to what was measured; nothing is restored again."""
    from cli.progress import progress_bar
    from oldphoto_core.flags import RULES
    from schemas.repository import Catalog

    if defaults == bool(threshold):
        raise UsageError("Say which thresholds: --threshold CODE=VALUE (repeat for more), or --defaults.")
    wanted = (
        [(rule.code, rule.threshold) for rule in RULES] if defaults else parse_thresholds(threshold or [])
    )
    _require_each_once(code for code, _ in wanted)
    rules = _rules(wanted)
    with Catalog.open(catalog_url(catalog), create=False) as opened, progress_bar() as bar:
        task = bar.add_task("flagging", total=None, note="")
        counts = opened.reflag(
            rules,
            by=user_name(),
            on_progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
        if defaults:
            # Kept, they would hold against those of a later version of the program.
            opened.withdraw_flag_rules(by=user_name())
    _print_counts(counts, None, {}, as_json=as_json)


def verify_audit(catalog: CatalogOption = None, as_json: JsonOption = False) -> None:
    """Read the audit chain from its beginning and tell where it was broken or reviews contradict it, if anywhere."""
    from dataclasses import asdict

    from schemas.repository import Catalog

    with Catalog.open(catalog_url(catalog), create=False) as opened:
        report = opened.verify_audit()
    if as_json:
        typer.echo(json.dumps(asdict(report)))
    elif report.problem is None:
        typer.echo(f"{report.entries:,} entries, all sound. Head: {report.head}")
    elif report.broken is None:
        typer.echo(
            f"{report.entries:,} entries, all sound, but {report.problem}: they were not made by this program. "
            "Compare with a backup of the catalog."
        )
    else:
        typer.echo(
            f"Entry {report.broken} does not fit: {report.problem}. {report.entries:,} entries before it are "
            f"sound, up to {report.head}. Compare with a backup of the catalog."
        )
    if report.problem is not None:
        raise typer.Exit(EXIT_INCOMPLETE)


def rebuild(
    destination: Annotated[
        str, typer.Argument(metavar="DESTINATION", help="Folder or s3://bucket/prefix with sidecars.")
    ],
    catalog: CatalogOfDestinationOption = None,
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Read every file and compare its digest.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a lost catalog again from the sidecars of DESTINATION, or tell one that DESTINATION was moved there."""
    from cli.interrupts import stopped_in_order
    from cli.watcher import Watcher
    from flows.progress import listening
    from flows.rebuild import rebuild_catalog

    with stopped_in_order("call it again: it does what is left"), Watcher() as watcher, listening(watcher):
        summary = rebuild_catalog(
            destination, catalog_url(catalog) if catalog else None, verify=verify, actor=user_name()
        )
    if as_json:
        typer.echo(json.dumps(summary))
    else:
        for problem in summary["problems"]:
            typer.echo(f"left out: {problem}")
        if summary["unnamed"]:
            typer.echo(f"… and {summary['unnamed']:,} more")
        typer.echo(
            f"{summary['photos']:,} photos of {len(summary['collections'])} collections in "
            f"{summary['catalog']}; {summary['skipped']:,} were known already. Reviews and accounts are not in "
            "sidecars: they come from a backup."
        )
        if summary["relocated"]:
            typer.echo(
                f"Of {summary['relocated']:,} known photos the files were elsewhere; they are recorded here now."
            )
    if summary["problems"]:
        raise typer.Exit(EXIT_INCOMPLETE)


def parse_thresholds(given: list[str]) -> list[tuple[str, float]]:
    """Return (code, threshold) pairs of ``CODE=VALUE``. Raises UsageError."""
    found = []
    for text in given:
        code, _, value = text.partition("=")
        try:
            threshold = float(value)
        except ValueError:
            threshold = math.nan
        if not code or not math.isfinite(threshold):
            raise UsageError(f"--threshold {text!r} is not CODE=NUMBER, such as mask-share=0.3")
        found.append((code.strip(), threshold))
    return found


def _require_each_once(codes: Iterable[str]) -> None:
    """Raise UsageError for a flag that is named twice: only one threshold can be in force."""
    twice = [code for code, times in Counter(codes).items() if times > 1]
    if twice:
        raise UsageError(
            f"--threshold names {' and '.join(twice)} more than once. Name each flag once; "
            "`oldphoto catalog calibrate` tries several thresholds."
        )


def _rules(wanted: list[tuple[str, float]]) -> list[FlagRuleRecord]:
    from oldphoto_core.flags import with_thresholds
    from schemas.rules import FlagRuleRecord

    rules = [rule for code, threshold in wanted for rule in with_thresholds({code: threshold})]
    return [
        FlagRuleRecord(
            rule.code, rule.measurement, rule.threshold, rule.severity.value, rule.explanation, rule.version
        )
        for rule in rules
    ]


def _present(own: list[FlagRuleRecord]) -> dict[str, float]:
    """Return the thresholds in force: the catalog's own before the program's."""
    from oldphoto_core.flags import RULES

    return {rule.code: rule.threshold for rule in RULES} | {rule.code: rule.threshold for rule in own}


def _ladder(present: Mapping[str, float]) -> list[tuple[str, float]]:
    """Return several thresholds around each in force: counts are whole, and no share is above 1."""
    from oldphoto_core.flag_words import FLAGS_OF_COUNTS, FLAGS_OF_SHARES

    steps: list[tuple[str, float]] = []
    for code, value in present.items():
        values = [factor * value for factor in FACTORS]
        if code in FLAGS_OF_COUNTS:
            values = [float(max(1, round(one))) for one in values]
        if code in FLAGS_OF_SHARES:
            values = [min(1.0, one) for one in values]
        steps += [(code, one) for one in dict.fromkeys(values)]
    return steps


def _print_counts(
    counts: list[FlagCount], photos: int | None, present: Mapping[str, float], *, as_json: bool
) -> None:
    from dataclasses import asdict

    if as_json:
        typer.echo(json.dumps({"photos": photos, "flags": [asdict(count) for count in counts]}))
        return
    typer.echo(f"{'flag':24} {'threshold':>10} {'photos':>12}")
    for count in counts:
        share = f"{100 * count.photos / photos:6.1f} %" if photos else ""
        mark = "  in force" if present.get(count.flag) == count.threshold else ""
        typer.echo(f"{count.flag:24} {count.threshold:>10.4g} {count.photos:>12,} {share}{mark}".rstrip())
    if photos is not None:
        typer.echo(f"of {photos:,} restored photos")
