from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.request import RestoreRequest
from schemas.repository import Catalog
from tests.flows.material import write_weights


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    folder.mkdir()
    return folder


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def request_(scans: Path, archive: Path, weights: Path) -> RestoreRequest:
    return RestoreRequest(str(scans), str(archive), weights=str(weights), executor="inline")


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(f"sqlite:///{tmp_path / 'catalog.db'}") as opened:
        yield opened


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """Give Prefect a database and a server of its own; it costs ten seconds, so once for all tests."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=180):
        yield
