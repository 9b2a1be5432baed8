"""A small finished archive with real files: scans, results, masks, and a catalog that names them."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from argon2 import PasswordHasher
from numpy.typing import NDArray
from PIL import Image

from oldphoto_core.image_io import encode_mask, encode_probability, from_upright
from schemas.ingest_records import AssetRecord
from schemas.records import (
    DerivativeRecord,
    FaceRecord,
    FlagRecord,
    MaskRecord,
    OutcomeRecord,
    PendingItem,
)
from schemas.repository import Catalog
from schemas.review_records import Role

PASSWORD = "correct horse battery"
_CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""A hash names its own cost: people of the tests sign in hundreds of times, and not against an attacker."""
COLLECTION = "glass plates"
HOSTILE_KEY = "album/<img src=x onerror=alert(1)>'\"; DROP TABLE asset; --.png"
HOSTILE_TEXT = "</dd><script>alert('exif')</script>{{ 7*7 }}"


@dataclass(frozen=True)
class Sample:
    """One photo of the archive; ``size`` is (width, height), upright."""

    key: str
    size: tuple[int, int] = (300, 200)
    orientation: int = 1
    flags: tuple[tuple[str, str, float], ...] = (("mask-share", "warning", 0.2),)
    faces: tuple[tuple[float, float, float, float], ...] = ()
    exif: dict[str, str] = field(default_factory=dict)
    tiers: tuple[str, ...] = ()


SAMPLES = (
    Sample("album/first.png", flags=(("mask-share", "warning", 0.31),), faces=((120.0, 60.0, 60.0, 60.0),)),
    Sample(
        "album/grave.png", flags=(("everything-masked", "serious", 0.97), ("mask-share", "warning", 0.97))
    ),
    Sample("album/turned.png", size=(200, 300), orientation=6, tiers=("conserved",)),
    Sample("album/unsure.png", flags=(("detector-uncertainty", "notice", 0.06),)),
    Sample(HOSTILE_KEY, exif={"ImageDescription": HOSTILE_TEXT}),
    Sample("album/plain.png", flags=()),
)


def picture(size: tuple[int, int], seed: int) -> NDArray[np.uint8]:
    """Return an upright ``H×W×3`` picture in which every corner looks different."""
    width, height = size
    across = np.linspace(20, 235, width)[None, :, None]
    down = np.linspace(20, 235, height)[:, None, None]
    mixed = np.concatenate([across + 0 * down, down + 0 * across, (across + down) / 2], axis=2)
    noise = np.random.default_rng(seed).normal(0, 4, (height, width, 3))
    return np.clip(mixed + noise, 0, 255).astype(np.uint8)


def damage(size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return an upright mask with one bar near the upper left corner."""
    width, height = size
    mask = np.zeros((height, width), bool)
    mask[20:30, 30 : width // 2] = True
    return mask


def make_archive(folder: Path, samples: tuple[Sample, ...] = SAMPLES, url: str | None = None) -> Path:
    """Write the files and the catalog (at ``url``, or beside the results); return the destination."""
    scans, out = folder / "scans", folder / "out"
    by_key = {sample.key: (number, sample) for number, sample in enumerate(samples)}
    with Catalog.open(url or f"sqlite:///{out / 'catalog.db'}") as catalog:
        collection = catalog.collection_id(COLLECTION)
        recipe = catalog.recipe_id(hashlib.sha256(b"{}").hexdigest(), "{}")
        run = catalog.start_run(None, collection, recipe, {"source": str(scans), "destination": str(out)})
        records = [_scan(scans, number, sample) for number, sample in enumerate(samples)]
        catalog.record_assets(collection, records, run)
        catalog.plan(collection, recipe, run)
        for items in catalog.iter_pending(run, 100):
            catalog.record_outcomes(run, [_outcome(out, item, *by_key[item.key]) for item in items])
        catalog.finish_run(run, seconds=1.0)
        password = _CHEAP.hash(PASSWORD)
        for role in Role:
            catalog.add_account(role.value, role, password)
    return out


def item_of(catalog: Catalog, key: str) -> int:
    """Return the work item of a photo."""
    (found,) = catalog.show(key)
    return int(found["work_item"])


def restored_anew(catalog: Catalog, key: str, *files: DerivativeRecord) -> int:
    """Let a run with another recipe find that a photo needs nothing; return the work item, its present result.

    ``files``: what is kept of it all the same, as a mask is.
    """
    collection = catalog.collection_id(COLLECTION)
    recipe = catalog.recipe_id(hashlib.sha256(b"{ }").hexdigest(), "{ }")
    run = catalog.start_run(None, collection, recipe, {})
    catalog.record_assets(collection, catalog.known(collection, [key]).values(), run)
    catalog.plan(collection, recipe, run)
    (item,) = next(catalog.iter_pending(run, 1))
    catalog.record_outcomes(run, [OutcomeRecord(item.work_item_id, "skipped", derivatives=files)])
    return item.work_item_id


def _scan(folder: Path, number: int, sample: Sample) -> AssetRecord:
    stored = from_upright(picture(sample.size, number), sample.orientation)
    data = _png(stored)
    path = folder / sample.key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return AssetRecord(
        sample.key,
        str(path),
        len(data),
        "1",
        hashlib.sha256(data).hexdigest(),
        format="PNG",
        width=stored.shape[1],
        height=stored.shape[0],
        bit_depth=8,
        metadata={"orientation": sample.orientation, "exif": sample.exif},
    )


def _outcome(out: Path, item: PendingItem, number: int, sample: Sample) -> OutcomeRecord:
    turn = sample.orientation
    result = np.clip(picture(sample.size, number).astype(int) + 12, 0, 255).astype(np.uint8)
    mask = damage(sample.size)
    probability = np.where(mask, 0.9, 0.1).astype(np.float32)
    probability[60:70, 30:80] = 0.4
    stem = item.derivative_stem
    files: list[tuple[str, str | None, str, bytes]] = [
        ("restored", "restored", f"restored/{stem}.png", _png(from_upright(result, turn))),
        ("mask", None, f"masks/{stem}.png", encode_mask(from_upright(mask, turn))),
        ("probability", None, f"probability/{stem}.png", encode_probability(from_upright(probability, turn))),
    ]
    files += [
        ("tier", tier, f"tiers/{tier}/{stem}.png", _png(from_upright(result // 2, turn)))
        for tier in sample.tiers
    ]
    derivatives = tuple(_write(out, *file) for file in files)
    return OutcomeRecord(
        item.work_item_id,
        "done",
        tier="restored",
        seconds=1.0,
        derivatives=derivatives,
        mask=MaskRecord(float(mask.mean()), 1, derivatives[1].uri, derivatives[1].sha256),
        faces=tuple(FaceRecord(box, (), 0.9, 0.03, True) for box in sample.faces),
        flags=tuple(
            FlagRecord(code, severity, value, 0.05, 1, "Look at it.")
            for code, severity, value in sample.flags
        ),
        measurements={"mask_share": float(mask.mean()), "megapixels": 0.06},
    )


def _write(out: Path, kind: str, tier: str | None, name: str, data: bytes) -> DerivativeRecord:
    path = out / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return DerivativeRecord(kind, tier, str(path), hashlib.sha256(data).hexdigest(), len(data), "image/png")


def _png(pixels: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
