"""What the report shows, collected from the catalog: bounded, whatever the size of the archive.

It covers everything that this recipe has done with the collection, so that a run that adds one photo does not
make a report about one photo.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from urllib.parse import quote

from sqlalchemy import Connection, select

from flows.previews import Preview, PreviewMaker, Previews
from flows.recording import Run
from flows.remarks import Remarks
from flows.report import Card, FlagLine, ModelLine, Page, Trouble, View
from flows.summary import summarise
from flows.workplace import Workplace, effects_of_missing
from schemas.records import TROUBLES, WorkState
from schemas.review_records import SEVERITY_RANKS
from schemas.rows import ItemRow
from schemas.session import read
from schemas.tables import Content, Mask, WorkItem
from storage import FolderStore, Store

MAX_PICTURES = 60
MAX_LINES = 300


def collect_report(place: Workplace, run: Run, remarks: Remarks | None = None) -> Page:
    """Return the report's contents; ``remarks`` are this run's.

    Raises:
        CatalogError: the catalog cannot be read.
    """
    catalog, recipe = place.catalog, place.decision.recipe
    listed = partial(catalog.flagged, collection=place.request.collection_name(), recipe=recipe.sha256)
    flagged = listed(limit=MAX_LINES + 1)
    troubled = [row for outcome in TROUBLES for row in listed(outcome=outcome, limit=MAX_LINES + 1)]
    done = listed(outcome=WorkState.DONE, limit=MAX_PICTURES)
    flagged.sort(key=_worst)
    pictured = _first_of((*flagged, *done), MAX_PICTURES)
    with read(catalog.engine) as connection:
        facts = _facts(connection, [row["work_item"] for row in pictured])
    lines = [line for row in flagged for line in _flag_lines(row)]
    return Page(
        collection=place.request.collection_name(),
        source=place.source.uri,
        destination=place.destination.uri,
        run=run.id,
        created=datetime.now(UTC),
        summary=summarise(run.id, recipe.sha256, catalog.counts(run.id), run.seconds, remarks),
        recipe=recipe.sha256,
        recipe_json=recipe.pretty(),
        models=tuple(
            ModelLine(stage, one.name, one.version, one.sha256, one.licence)
            for stage, one in recipe.models.items()
        ),
        stages_off=effects_of_missing(place.decision.stages_off),
        photos=_cards(place, pictured, facts),
        flagged=tuple(lines[:MAX_LINES]),
        flagged_cut=len(lines) > MAX_LINES,
        troubled=tuple(_trouble(row) for row in troubled[:MAX_LINES]),
        troubled_cut=len(troubled) > MAX_LINES,
        remarks=remarks or Remarks(),
        linked=isinstance(place.destination, FolderStore),
    )


@dataclass(frozen=True)
class _Facts:
    """Size of a photo as stored, in pixels, and the share of it that was taken for damage."""

    width: int | None = None
    height: int | None = None
    coverage: float | None = None


def _facts(connection: Connection, items: Sequence[int]) -> dict[int, _Facts]:
    query = (
        select(WorkItem.id, Content.width, Content.height, Mask.coverage)
        .join(Content, Content.id == WorkItem.content_id)
        .outerjoin(Mask, Mask.work_item_id == WorkItem.id)
        .where(WorkItem.id.in_(items))
    )
    return {
        item: _Facts(width, height, coverage) for item, width, height, coverage in connection.execute(query)
    }


def _first_of(rows: Sequence[ItemRow], number: int) -> list[ItemRow]:
    """Return the first so many rows, each work item once."""
    first: dict[int, ItemRow] = {}
    for row in rows:
        first.setdefault(row["work_item"], row)
    return list(first.values())[:number]


def _worst(row: ItemRow) -> int:
    """Return where a row's worst flag puts it, the most severe first."""
    return -max((SEVERITY_RANKS[flag["severity"]] for flag in row["flags"]), default=0)


def _flag_lines(row: ItemRow) -> list[FlagLine]:
    return [
        FlagLine(
            row["key"],
            flag["code"],
            flag["severity"],
            _number(flag["value"]),
            _number(flag["threshold"]),
            flag["explanation"],
        )
        for flag in row["flags"]
    ]


def _number(value: float | None) -> str:
    """Return a number as people read it; None is what a database keeps of one that is none."""
    return "–" if value is None else f"{value:.3g}"


def _trouble(row: ItemRow) -> Trouble:
    reason = str(row["reason"] or "no reason was recorded").rstrip(". ") + "."
    return Trouble(row["key"], row["outcome"], row["error_class"], reason[0].upper() + reason[1:])


def _cards(place: Workplace, rows: Sequence[ItemRow], facts: Mapping[int, _Facts]) -> tuple[Card, ...]:
    maker = PreviewMaker(place.source, place.destination)
    return tuple(_card(place, row, facts.get(row["work_item"], _Facts()), maker) for row in rows)


def _card(place: Workplace, row: ItemRow, facts: _Facts, maker: PreviewMaker) -> Card:
    mask, restored = (_key_in(place.destination, row[kind]) for kind in ("mask", "restored"))
    pixels = (facts.width or 0) * (facts.height or 0)
    previews = maker.make(row["key"], pixels=pixels, sha256=row["sha256"], mask=mask, restored=restored)
    links = isinstance(place.destination, FolderStore)
    return Card(
        key=row["key"],
        outcome=row["outcome"],
        width=facts.width,
        height=facts.height,
        damage=_damage(facts.coverage),
        tier=row["tier"],
        views=_views(previews, mask if links else None, restored if links else None),
        flags=tuple(_flag_lines(row)),
        no_picture=previews.reason,
    )


def _views(previews: Previews, mask: str | None, restored: str | None) -> tuple[View, ...]:
    wanted: tuple[tuple[str, str, Preview | None, str | None], ...] = (
        ("before", "before restoration", previews.before, None),
        ("damage", "with the places taken for damage coloured", previews.damage, mask),
        ("after", "after restoration", previews.after, restored),
    )
    return tuple(
        View(caption, alt, made.data_uri, made.width, made.height, quote(link) if link else None)
        for caption, alt, made, link in wanted
        if made is not None
    )


def _key_in(destination: Store, uri: str | None) -> str | None:
    """Return the key of a derivative in this destination; None when it lies elsewhere or was not made."""
    root = destination.uri.rstrip("/") + "/"
    return uri.removeprefix(root) if uri is not None and uri.startswith(root) else None


def _damage(share: float | None) -> str | None:
    if share is None:
        return None
    if share == 0:
        return "no damage found"
    return f"damage on {100 * share:.1f} %" if share >= 0.001 else "damage on less than 0.1 %"
