"""The deployment, as deploy/README.md says: a Prefect server, a process worker, `prefect deployment run`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.repository import Catalog
from tests.e2e.conftest import (
    PATIENCE,
    PREFECT,
    QUIET,
    ROOT,
    Started,
    answers,
    clean_environment,
    free_port,
    wait_until,
)
from tests.flows.material import write_photos

pytestmark = pytest.mark.e2e


@pytest.fixture
def server(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Start a Prefect server with a database of its own; yield the environment that leads to it."""
    port = free_port()
    # `prefect deploy` takes the folder from here, and a shell would have set it.
    environment = {**clean_environment(tmp_path / "prefect"), **QUIET, "PWD": str(ROOT)}
    command = (*PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui")
    with Started(command, environment, tmp_path / "server.log"):
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/api/health"), "the Prefect server")
        yield {**environment, "PREFECT_API_URL": f"http://127.0.0.1:{port}/api"}


def prefect(environment: dict[str, str], *arguments: str) -> str:
    """Run a `prefect` command to its end; return what it said."""
    ended = subprocess.run(
        [*PREFECT, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE
    )
    assert ended.returncode == 0, f"{arguments}: {ended.stdout}{ended.stderr}"
    return ended.stdout


def test_the_nightly_deployment_restores_an_archive(
    server: dict[str, str], tmp_path: Path, weights: Path
) -> None:
    scans, archive = tmp_path / "scans", tmp_path / "archive"
    write_photos(scans, 2)
    prefect(server, "work-pool", "create", "archive", "--type", "process")
    prefect(server, "deploy", "--all", "--prefect-file", "deploy/prefect.yaml")
    deployed = json.loads(prefect(server, "deployment", "inspect", "restore-archive/nightly", "-o", "json"))
    assert deployed["entrypoint"] == "flows/restore_archive.py:restore_archive"
    assert deployed["concurrency_options"]["collision_strategy"] == "ENQUEUE"
    assert deployed["pull_steps"] == [
        {"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}
    ]
    assert not any(schedule["active"] for schedule in deployed["schedules"])

    worker_log = tmp_path / "worker.log"
    with Started((*PREFECT, "worker", "start", "--pool", "archive"), server, worker_log):
        given = {"source": str(scans), "destination": str(archive), "weights": str(weights)}
        parameters = [f"--param={name}={json.dumps(value)}" for name, value in given.items()]
        said = prefect(server, "deployment", "run", "restore-archive/nightly", "--watch", *parameters)
        assert "Completed" in said, worker_log.read_text(encoding="utf-8")[-4000:]

    with Catalog.open(f"sqlite:///{archive / 'catalog.db'}") as catalog:
        (run,) = catalog.runs()
        assert len(catalog.flagged(outcome="done")) == 2
    assert run["state"] == "completed"
    assert run["flow_run"]
    assert sorted(path.name for path in (archive / "restored").rglob("*.png")) == [
        "photo-000.png",
        "photo-001.png",
    ]
    flow_runs = prefect(server, "artifact", "ls")
    for key in ("restore-summary", "restore-outcomes", "restore-progress", "restore-sample"):
        assert key in flow_runs
    assert (archive / "report.html").is_file()

    switched_on = tmp_path / "prefect.yaml"
    delivered = (ROOT / "deploy" / "prefect.yaml").read_text(encoding="utf-8")
    switched_on.write_text(delivered.replace("active: false", "active: true", 1), encoding="utf-8")
    prefect(server, "deploy", "--all", "--prefect-file", str(switched_on))
    deployed = json.loads(prefect(server, "deployment", "inspect", "restore-archive/nightly", "-o", "json"))
    assert [schedule["active"] for schedule in deployed["schedules"]] == [True]
