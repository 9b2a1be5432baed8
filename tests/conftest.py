"""Tests run in several processes: what shares a costly server stays in one of them, and the longest goes first."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import cv2
import pytest
import torch
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from oldphoto_core.threads import cores

_TOGETHER = ("e2e", "flows", "review", "schemas")
"""Folders that begin a server once: Ray and Prefect by way of the command line, Prefect, a browser, PostgreSQL."""


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores, up to four: the longest tests wait for other programs often."""
    return min(4, cores() + 1)


def pytest_configure() -> None:
    """Let the processes share the cores: each library would take all of them, for each process."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    share = max(1, cores() // processes)
    torch.set_num_threads(share)
    cv2.setNumThreads(share)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what waits most: nobody then waits for it in the end."""
    items.sort(key=lambda item: _place(item.nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Hand out folders that share a server as wholes, all else by files."""
    return _ByServer(config, log)


class _ByServer(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid)


def _group(nodeid: str) -> str:
    path = nodeid.partition("::")[0]
    folder = path.removeprefix("tests/").partition("/")[0]
    return folder if folder in _TOGETHER else path


def _place(nodeid: str) -> int:
    group = _group(nodeid)
    return _TOGETHER.index(group) if group in _TOGETHER else len(_TOGETHER)


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """A real S3 server over HTTP on a free port; the environment leads boto3 to it."""
    moto = pytest.importorskip(
        "moto.server", reason="the S3 server for tests is not installed: moto[s3,server]"
    )
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield os.environ["AWS_ENDPOINT_URL"]
    server.stop()


@pytest.fixture
def bucket(s3_endpoint: str) -> str:
    """A bucket of one's own there."""
    import boto3

    name = f"archive-{uuid.uuid4().hex[:12]}"
    boto3.client("s3").create_bucket(Bucket=name)
    return name
