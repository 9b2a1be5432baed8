"""A Ray cluster of two nodes on this machine, one of which is lost while it works."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.repository import Catalog
from tests.e2e.conftest import PATIENCE, end_group, start_oldphoto, wait_until
from tests.flows.material import write_photos

pytestmark = pytest.mark.e2e
cluster_utils = pytest.importorskip("ray.cluster_utils")
STORE = 100 * 1024**2


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Two nodes of one CPU each; nothing of it is left in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_BACKEND_LOG_LEVEL", "fatal")
        node = {"num_cpus": 1, "object_store_memory": STORE}
        made = cluster_utils.Cluster(initialize_head=True, head_node_args=node)
        try:
            made.worker = made.add_node(**node)
            yield made
        finally:
            made.shutdown()


ELSEWHERE = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc")
"""Starts a program that sees no process of others: to Ray it is on a machine that is no node."""


@pytest.mark.skipif(
    subprocess.run([*ELSEWHERE, "true"], check=False, capture_output=True).returncode != 0,
    reason="needs unshare and user namespaces",
)
def test_a_machine_that_is_no_node_is_told_how_to_become_one(
    cluster: Any, environment: dict[str, str], tmp_path: Path, weights: Path
) -> None:
    write_photos(tmp_path / "scans", 1, width=96, height=64)
    there = {
        **environment,
        "RAY_ADDRESS": cluster.address,
        "RAY_AUTH_MODE": "disabled",
        # For which it looks for a node.
        "RAY_gcs_server_request_timeout_seconds": "3",
    }
    command = [
        *ELSEWHERE,
        sys.executable,
        "-m",
        "cli.main",
        "restore",
        "scans",
        "archive",
        "--weights",
        str(weights),
    ]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env=there, cwd=tmp_path, timeout=PATIENCE
    )
    assert done.returncode == 1, done.stderr
    assert f"ray start --address={cluster.address} --num-cpus=0" in done.stderr


def test_the_loss_of_a_node_costs_no_photo(
    cluster: Any, environment: dict[str, str], tmp_path: Path, weights: Path
) -> None:
    scans, archive = tmp_path / "scans", tmp_path / "archive"
    photos = write_photos(scans, 16, width=320, height=240)
    command = ("restore", scans, archive, "--weights", weights, "--memory", "1.5", "--json")
    there = {**environment, "RAY_ADDRESS": cluster.address, "RAY_AUTH_MODE": "disabled"}
    running = start_oldphoto(command, there, tmp_path)
    try:
        wait_until(
            lambda: any((archive / "restored").rglob("*.png")) or running.poll() is not None, "a derivative"
        )
        cluster.remove_node(cluster.worker, allow_graceful=False)
        out, err = running.communicate(timeout=PATIENCE)
    finally:
        end_group(running)
    assert running.returncode == 0, err
    assert out.count("\n") == 1
    with Catalog.open(f"sqlite:///{archive / 'catalog.db'}") as catalog:
        (run,) = catalog.runs()
        rows = catalog.flagged(outcome="done", limit=100)
    assert (run["state"], run["done"], run["pending"]) == ("completed", len(photos), 0)
    assert sorted(row["key"] for row in rows) == sorted(path.relative_to(scans).as_posix() for path in photos)
    assert not [path for path in archive.rglob("*") if path.suffix == ".part"]
    assert os.environ.get("RAY_ADDRESS") is None
