"""`oldphoto restore` from one bucket prefix to another, on a real S3 server process (moto)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.e2e.conftest import Command, Started, answers, free_port, wait_until
from tests.flows.material import write_broken, write_photos

pytestmark = pytest.mark.e2e
pytest.importorskip(
    "moto.server", reason="the S3 server for tests is not installed: pip install 'moto[s3,server]'"
)

BUCKET = "archive"


@pytest.fixture
def s3(environment: dict[str, str], tmp_path: Path) -> Iterator[dict[str, str]]:
    """Start an S3 server with a bucket; yield the settings that lead there."""
    port = free_port()
    command = (sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port))
    url = f"http://127.0.0.1:{port}"
    settings = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with Started(command, environment, tmp_path / "s3.log"):
        wait_until(lambda: answers(url), "the S3 server")
        yield settings


def client(settings: dict[str, str]) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=settings["AWS_ENDPOINT_URL"],
        aws_access_key_id=settings["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
        region_name=settings["AWS_DEFAULT_REGION"],
    )


def objects(bucket: Any, prefix: str) -> dict[str, str]:
    found = bucket.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return {entry["Key"]: entry["ETag"] for entry in found}


def test_a_bucket_is_restored_like_a_folder(
    oldphoto: Command, tmp_path: Path, weights: Path, s3: dict[str, str]
) -> None:
    bucket = client(s3)
    bucket.create_bucket(Bucket=BUCKET)
    local = tmp_path / "local"
    for path in (*write_photos(local, 3), *write_broken(local)):
        bucket.upload_file(str(path), BUCKET, f"scans/{path.relative_to(local).as_posix()}")
    masters = objects(bucket, "scans/")
    command = (
        "restore",
        f"s3://{BUCKET}/scans",
        f"s3://{BUCKET}/results",
        "--catalog",
        f"sqlite:///{tmp_path / 'catalog.db'}",
        "--weights",
        weights,
        "--executor",
        "inline",
        "--json",
    )
    first = oldphoto(*command, **s3)
    assert first.code == 3, first.err
    assert (first.summary["inputs"], first.summary["done"], first.summary["quarantined"]) == (5, 3, 2)
    assert objects(bucket, "scans/") == masters
    made = objects(bucket, "results/")
    for name in ("photo-000", "photo-001", "album/photo-002"):
        assert f"results/restored/{name}.png" in made
        assert f"results/masks/{name}.png" in made
    assert len([key for key in made if key.startswith("results/reports/")]) == 1

    second = oldphoto(*command, **s3)
    assert second.code == 0
    assert (second.summary["already_done"], second.summary["done"]) == (5, 0)
    assert objects(bucket, "results/") == made
