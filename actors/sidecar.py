"""The file beside a derivative that says everything about it, so that the catalog can be rebuilt from it.

A sidecar is written after all other files of a photo. Its presence therefore means that the photo was
finished, and `recall` uses that: work that an interrupted run had written but not yet recorded is verified
and taken over. It holds no time and no absolute destination, so the same photo under the same recipe gives
the same bytes wherever it is written.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from actors.job import RestoreJob
from actors.rows import InputRow, OutcomeRow
from oldphoto_core.errors import StorageError
from oldphoto_core.fixity import sha256_bytes, sha256_stream
from oldphoto_core.photo import Outcome, PhotoHeader, Tier
from schemas.records import (
    DerivativeKind,
    DerivativeRecord,
    EventRecord,
    EventType,
    FaceRecord,
    FlagRecord,
    MaskRecord,
)
from storage import Store

FORMAT = "oldphoto-sidecar/2"
FORMATS = (FORMAT, "oldphoto-sidecar/1")
"""What can be read. Version 1 lacked collection, size, prefix and stem."""

MEDIA_TYPE = "application/json"


def sidecar_key(row: InputRow) -> str:
    """Return where the sidecar of ``row`` lies in the destination."""
    return f"{row.prefix}sidecars/{row.stem}.json"


def longest_key(row: InputRow) -> str:
    """Return a key that is at least as long as that of any file of ``row``, as a whole and in its last part."""
    return f"{row.prefix}tiers/{Tier.CONSERVED.value}/{row.stem}.json"


def encode_sidecar(
    row: InputRow,
    result: OutcomeRow,
    paths: Mapping[str, str],
    job: RestoreJob,
    header: PhotoHeader,
    warnings: Iterable[str],
) -> bytes:
    """Return the sidecar's bytes; equal arguments give equal bytes.

    Args:
        row: the photo.
        result: its outcome, with every derivative but the sidecar itself.
        paths: each derivative's key in the destination, by its URI.
        job: the run's instructions.
        header: the master's header; its binary blocks are left out.
        warnings: what the decoder remarked.
    """
    facts = {
        "format": FORMAT,
        "collection": job.collection,
        "key": row.key,
        "prefix": row.prefix,
        "stem": row.stem,
        "source": row.uri,
        "sha256": row.sha256,
        "size": row.size,
        "recipe": job.recipe_id,
        "profile": job.profile,
        "software": job.software,
        "requested": _requested(job),
        "outcome": result.outcome.value,
        "reason": result.reason,
        "tier": result.tier,
        "header": header.summary(),
        "warnings": list(warnings),
        "derivatives": [_file_facts(one, paths) for one in result.derivatives],
        "mask": {"coverage": result.mask.coverage, "components": result.mask.components}
        if result.mask
        else None,
        # Boxes and landmarks are in the upright picture, as a viewer shows it.
        "faces": [asdict(face) for face in result.faces],
        "flags": [asdict(flag) for flag in result.flags],
        "measurements": dict(result.measurements),
    }
    text = json.dumps(_json_safe(facts), ensure_ascii=False, allow_nan=False, indent=2, sort_keys=True)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def recall(store: Store, row: InputRow, job: RestoreJob) -> OutcomeRow | None:
    """Return the outcome that the sidecar of ``row`` records, or None where the photo has to be processed.

    It is taken over only if it is of the same collection, bytes, recipe and request, and if every file that it
    names is there with the recorded digest.
    """
    key = sidecar_key(row)
    if not store.exists(key):
        return None
    data = store.read(key)
    try:
        facts = json.loads(data)
        if not _is_same_work(facts, row, job):
            return None
        files = [DerivativeRecord(**_with_uri(one, store)) for one in facts["derivatives"]]
        if not all(_is_intact(store, one["path"], one["sha256"]) for one in facts["derivatives"]):
            return None
        files.append(_own_record(store, key, data))
        return _outcome(row, facts, files, (_taken_over(job, files),))
    except (ValueError, TypeError, KeyError):
        # Not a sidecar of ours: the write stage will meet it and put its own under another name.
        return None


@dataclass(frozen=True)
class SidecarFacts:
    """What a sidecar says, as the catalog's own records; the sidecar itself is among the derivatives.

    ``parameters``: the profile of the run that made it, the tier, and whether lower tiers were kept.
    """

    collection: str
    key: str
    prefix: str
    stem: str
    source: str
    sha256: str
    size: int
    recipe: str
    software: str
    parameters: Mapping[str, Any]
    header: Mapping[str, Any]
    warnings: tuple[str, ...]
    outcome: OutcomeRow


def read_sidecar(store: Store, path: str) -> SidecarFacts:
    """Return what the sidecar at ``path`` says.

    Raises:
        StorageError: it cannot be read, or it is no sidecar of a version that is known.
    """
    data = store.read(path)
    try:
        facts = json.loads(data)
        if facts["format"] not in FORMATS or facts["outcome"] not in (Outcome.DONE, Outcome.SKIPPED):
            raise ValueError(f"its format is {facts['format']!r}")
        prefix, _, stem = path.removesuffix(".json").rpartition("sidecars/")
        if facts["format"] == FORMAT:
            prefix, stem = facts["prefix"], facts["stem"]
        row = InputRow(0, facts["key"], facts["source"], facts["sha256"], prefix, stem, facts.get("size", 0))
        files = [DerivativeRecord(**_with_uri(one, store)) for one in facts["derivatives"]]
        files.append(_own_record(store, path, data))
        return SidecarFacts(
            # Version 1: the collection's default name, the place where the masters lay.
            facts.get("collection") or facts["source"].removesuffix(facts["key"]).rstrip("/"),
            row.key,
            prefix,
            stem,
            row.uri,
            row.sha256,
            row.size,
            facts["recipe"],
            facts["software"],
            {"profile": facts["profile"], **facts["requested"]},
            facts["header"],
            tuple(facts["warnings"]),
            _outcome(row, facts, files, ()),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StorageError(
            f"{store.uri_of(path)} is no sidecar that this version can read ({error}). Leave it out, or put "
            "it back from a backup."
        ) from error


def _taken_over(job: RestoreJob, files: Sequence[DerivativeRecord]) -> EventRecord:
    return EventRecord(
        EventType.VALIDATION,
        detail={
            "note": "finished by an interrupted run; all files verified",
            "files": [one.uri for one in files],
        },
        agent=job.software,
    )


def _outcome(
    row: InputRow,
    facts: Mapping[str, Any],
    files: Sequence[DerivativeRecord],
    events: tuple[EventRecord, ...],
) -> OutcomeRow:
    mask = next((one for one in files if one.kind == DerivativeKind.MASK), None)
    found = facts["mask"]
    return OutcomeRow(
        row.work_item_id,
        row.key,
        row.sha256,
        Outcome(facts["outcome"]),
        reason=facts["reason"],
        tier=facts["tier"],
        derivatives=tuple(files),
        mask=MaskRecord(found["coverage"], found["components"], mask.uri, mask.sha256)
        if found and mask
        else None,
        faces=tuple(_face(one) for one in facts["faces"]),
        flags=tuple(FlagRecord(**one) for one in facts["flags"]),
        measurements={name: value for name, value in facts["measurements"].items() if value is not None},
        events=events,
    )


def _requested(job: RestoreJob) -> dict[str, Any]:
    return {"tier": job.tier.value, "keep_tiers": job.keep_tiers}


def _is_same_work(facts: Any, row: InputRow, job: RestoreJob) -> bool:
    return (
        isinstance(facts, dict)
        and facts.get("format") in FORMATS
        # Version 1 does not tell the collection.
        and facts.get("collection", job.collection) == job.collection
        and facts.get("key") == row.key
        and facts.get("sha256") == row.sha256
        and facts.get("recipe") == job.recipe_id
        and facts.get("requested") == _requested(job)
        and facts.get("outcome") in (Outcome.DONE, Outcome.SKIPPED)
    )


def _is_intact(store: Store, path: str, digest: str) -> bool:
    try:
        with store.open(path) as stream:
            return sha256_stream(stream)[0] == digest
    except StorageError:
        return False


def _file_facts(file: DerivativeRecord, paths: Mapping[str, str]) -> dict[str, Any]:
    facts = asdict(file)
    del facts["uri"]
    return facts | {"path": paths[file.uri]}


def _with_uri(facts: Mapping[str, Any], store: Store) -> dict[str, Any]:
    rest = {name: value for name, value in facts.items() if name != "path"}
    return rest | {"uri": store.uri_of(facts["path"])}


def _own_record(store: Store, key: str, data: bytes) -> DerivativeRecord:
    return DerivativeRecord(
        DerivativeKind.SIDECAR, None, store.uri_of(key), sha256_bytes(data), len(data), MEDIA_TYPE
    )


def _face(facts: Mapping[str, Any]) -> FaceRecord:
    x, y, width, height = facts["box"]
    landmarks = tuple((px, py) for px, py in facts["landmarks"])
    return FaceRecord((x, y, width, height), landmarks, facts["score"], facts["drift"], facts["applied"])


def _json_safe(value: Any) -> Any:
    """Return ``value`` for JSON: what is not finite becomes null, scalars of NumPy plain ones."""
    if isinstance(value, Mapping):
        return {str(name): _json_safe(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_json_safe(one) for one in value]
    if isinstance(value, str | int | bool) or value is None:
        return value
    number = float(value)
    return number if math.isfinite(number) else None
