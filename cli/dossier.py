"""A photo's whole history as a tree: the scan, its result, what people decided, other results, every event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.formats import console_on, printable, short, text_stream

if TYPE_CHECKING:
    from rich.console import Console
    from rich.tree import Tree

    from schemas.rows import Dossier, EventRow

_NOTHING: tuple[Any, ...] = (None, "", [], {})
_OF_RESULT = (
    "reason",
    "error_class",
    "tier",
    "attempts",
    "seconds",
    "finished_at",
    "recipe",
    "run",
    "work_item",
)
_FLAG = "{code} ({severity}, {state}): {value} at or above {threshold}, rule {rule_version}. {explanation}"


def print_dossiers(rows: Sequence[Dossier], output: Path | None) -> None:
    """Print everything about single photos, a tree each. Raises StorageError."""
    with text_stream(output) as stream:
        console = console_on(stream)
        for row in rows:
            print_dossier(row, console)
        if not rows:
            console.print(
                "nothing found: a photo is named by its whole key, as oldphoto flagged prints it, or by the "
                "beginning of a SHA-256",
                style="dim",
            )


def print_dossier(row: Dossier, console: Console) -> None:
    """Print everything about one photo (a row of ``Catalog.show``)."""
    from rich.text import Text
    from rich.tree import Tree

    tree = Tree(Text(printable(f"{row['key']}  [{row['collection']}]"), style="bold"))
    _scan(tree, row)
    if row["outcome"] is not None:
        _result(tree, row)
    _people(tree, row)
    _others(tree, row)
    _events(tree, row["events"])
    console.print(tree)


def _scan(tree: Tree, row: Dossier) -> None:
    content = row["content"]
    size = f"{content['width']} × {content['height']}" if content and content["width"] else ""
    known = (content and content["format"], size, row["sha256"])
    branch = _add(tree, "scan: " + ", ".join(str(part) for part in known if part))
    _facts(branch, content or {}, ("size", "bit_depth", "warnings", "metadata"))
    for place in row["locations"]:
        seen = f"{short('', place['first_seen'])} to {short('', place['last_seen'])}"
        error = f", error: {place['error']}" if place["error"] else ""
        _add(branch, f"seen at {place['uri']}, {seen}{error}")


def _result(tree: Tree, row: Dossier) -> None:
    branch = _add(tree, f"result: {row['outcome']}, decision {row['decision']}")
    _facts(branch, row, _OF_RESULT)
    _list(branch, "models", row["models"], "{name} {version}, weights {weights_sha256}, {licence}")
    _list(branch, "files", row["derivatives"], "{kind} {tier}: {uri}, {size} bytes, {sha256}")
    if row["mask_coverage"] is not None:
        places = row["mask_components"]
        share = (
            f"{100 * row['mask_coverage']:.2g} %"
            if row["mask_coverage"] < 0.1
            else f"{row['mask_coverage']:.0%}"
        )
        _add(branch, f"mask: {share} in {places} {'place' if places == 1 else 'places'}")
    _list(branch, "faces", row["faces"], "box {box}, score {score}, drift {drift}, applied {applied}")
    _facts(_add(branch, "measurements"), row["measurements"], tuple(row["measurements"]))
    _list(branch, "flags", row["flags"], _FLAG)


def _people(tree: Tree, row: Dossier) -> None:
    reviews = row["reviews"]
    if not reviews:
        return
    undone = {review["undoes"] for review in reviews}
    branch = _add(tree, f"reviews ({len(reviews)})")
    for review in reviews:
        what: str = review["decision"]
        what += f" of review {review['undoes']}" if review["undoes"] else ""
        what += " (undone)" if review["review"] in undone else ""
        why = f": {review['reason']}" if review["reason"] else ""
        _add(branch, f"{short('', review['at'])}  {what} by {review['reviewer']}{why}")


def _others(tree: Tree, row: Dossier) -> None:
    others = [item for item in row["work_items"] if item["work_item"] != row.get("work_item")]
    others = [{**item, "restored": item["restored"] or item["reason"]} for item in others]
    told = "{finished_at}  {outcome} {tier}, recipe {recipe}, of the bytes {sha256}, decision {decision}: {restored}"
    _list(tree, "other results", others, told)


def _events(tree: Tree, events: Sequence[EventRow]) -> None:
    branch = _add(tree, f"events ({len(events)})")
    for event in events:
        line = _add(
            branch, f"{short('', event['at'])}  {event['type']}: {event['outcome']}, {event['agent']}"
        )
        _facts(line, event["detail"], tuple(event["detail"]))


def _list(tree: Tree, name: str, rows: Sequence[Mapping[str, Any]], told: str) -> None:
    """Add a branch with a line for each row; nothing where there are none."""
    if not rows:
        return
    branch = _add(tree, f"{name} ({len(rows)})")
    for row in rows:
        shown = {key: "-" if value is None else short(key, value) for key, value in row.items()}
        _add(branch, told.format_map(shown))


def _facts(tree: Tree, facts: Mapping[str, Any], names: Sequence[str]) -> None:
    """Add what there is of these facts, mappings as branches of their own."""
    for name in names:
        value = facts.get(name)
        if value in _NOTHING:
            continue
        label = name.replace("_", " ")
        if isinstance(value, Mapping):
            _facts(_add(tree, label), value, tuple(map(str, value)))
        else:
            _add(tree, f"{label}: {short(name, value)}")


def _add(tree: Tree, text: str) -> Tree:
    from rich.text import Text

    return tree.add(Text(printable(text)))
