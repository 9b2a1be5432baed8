"""A photo's history as a timeline: PREMIS events in plain words, the newest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from review.words import decision_name, event_name
from schemas.records import EventType
from schemas.review_records import MaskEditRecord
from schemas.rows import EventRow, History


@dataclass(frozen=True)
class Chapter:
    """One thing that happened. ``details`` are (name, value) pairs; ``kind`` is the PREMIS term."""

    at: datetime
    kind: str
    title: str
    agent: str
    outcome: str
    text: str
    details: tuple[tuple[str, str], ...]


def story_of(history: History) -> list[Chapter]:
    """Return what happened to a photo, newest first."""
    told = [_chapter(event) for event in history["events"]]
    told += [_edit(edit) for edit in history["mask_edits"]]
    return sorted(told, key=lambda chapter: chapter.at, reverse=True)


def _chapter(event: EventRow) -> Chapter:
    detail = dict(event["detail"] or {})
    title, text = event_name(event["type"]), ""
    if event["type"] == EventType.APPRAISAL:
        title = decision_name(str(detail.pop("decision", title)))
        text = str(detail.pop("reason", ""))
    else:
        text = str(detail.pop("reason", "") or detail.pop("error", "") or detail.pop("note", ""))
    shown = tuple((name.replace("_", " "), _words(value)) for name, value in sorted(detail.items()) if value)
    return Chapter(event["at"], event["type"], title, event["agent"], event["outcome"], text, shown)


def _edit(edit: MaskEditRecord) -> Chapter:
    shown = (("file", edit.uri), ("sha256", edit.sha256))
    return Chapter(edit.at, "mask edited", "Mask edited", edit.reviewer, "success", "", shown)


def _words(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "; ".join(_words(one) for one in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_words(one)}" for name, one in value.items())
    return str(value)
