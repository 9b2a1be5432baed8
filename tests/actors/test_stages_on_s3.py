"""The stages from bucket to bucket, and a photo's way back from a recorded sidecar there."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from actors.rows import InputRow
from actors.stream import run_stream
from oldphoto_core.photo import Outcome
from schemas.records import DESTINATION_ERROR
from storage import S3Store
from tests.actors.median_restorer import median_restorer
from tests.actors.photos import job_for, save, scratched

pytestmark = pytest.mark.integration


def test_a_photo_is_restored_from_bucket_to_bucket_and_masters_stay(bucket: str, tmp_path: Path) -> None:
    data = save(tmp_path / "a.png", scratched()).read_bytes()
    scans, out = S3Store(bucket, "scans"), S3Store(bucket, "out put")
    scans.create("box 1/ä+b.png", data, "image/png")
    (listed,) = scans.list()
    row = InputRow(
        1, listed.key, scans.uri_of(listed.key), hashlib.sha256(data).hexdigest(), "recipes/0/", "box 1/ä+b"
    )
    job = job_for(scans.uri, out.uri)
    found = [
        one
        for _ in range(2)
        for batch in run_stream([row], job, executor="inline", restorer_factory=median_restorer)
        for one in batch
    ]
    assert [one.outcome for one in found] == [Outcome.DONE, Outcome.DONE]
    assert found[0].derivatives == found[1].derivatives
    assert [one.key for one in out.list()] == [
        "recipes/0/masks/box 1/ä+b.png",
        "recipes/0/probability/box 1/ä+b.png",
        "recipes/0/restored/box 1/ä+b.png",
        "recipes/0/sidecars/box 1/ä+b.json",
    ]
    assert list(scans.list()) == [listed]
    facts = json.loads(out.read("recipes/0/sidecars/box 1/ä+b.json"))
    assert (facts["key"], facts["sha256"]) == (row.key, row.sha256)


def test_a_large_tiff_comes_out_as_a_small_one_does(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a large file the header is read first, from a copy that has no name."""
    data = save(tmp_path / "a.tif", scratched(dtype=np.uint16)).read_bytes()
    scans = S3Store(bucket, "scans")
    scans.create("a.tif", data, "image/tiff")
    row = InputRow(1, "a.tif", scans.uri_of("a.tif"), hashlib.sha256(data).hexdigest(), "", "a")
    made = []
    for name, at_once in (("small", 1 << 20), ("large", 100)):
        monkeypatch.setattr("actors.stages.read._READ_AT_ONCE", at_once)
        job = job_for(scans.uri, tmp_path / name)
        ((found,),) = run_stream([row], job, executor="inline", restorer_factory=median_restorer)
        assert found.outcome is Outcome.DONE, found.reason
        made.append([one.sha256 for one in found.derivatives])
    assert made[0] == made[1]


def test_a_bucket_of_results_that_is_not_there_any_more_is_the_destinations_trouble(
    s3_endpoint: str, tmp_path: Path
) -> None:
    """Found out before the photo is read; expired credentials are found out there as well."""
    data = save(tmp_path / "a.png", scratched()).read_bytes()
    row = InputRow(1, "a.png", str(tmp_path / "a.png"), hashlib.sha256(data).hexdigest(), "", "a")
    job = job_for(tmp_path, "s3://absent/results")
    ((found,),) = run_stream([row], job, executor="inline", restorer_factory=median_restorer)
    assert (found.outcome, found.error_class) == (Outcome.FAILED, DESTINATION_ERROR)


def test_a_missing_bucket_fails_the_photo_with_the_remedy(s3_endpoint: str, tmp_path: Path) -> None:
    row = InputRow(1, "a.png", "s3://absent/a.png", "0" * 64, "", "a")
    job = job_for("s3://absent", tmp_path / "out")
    ((found,),) = run_stream([row], job, executor="inline", restorer_factory=median_restorer)
    assert (found.outcome, found.error_class) == (Outcome.FAILED, "StorageError")
    assert "Make the bucket absent" in (found.reason or "")
