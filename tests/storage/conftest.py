from __future__ import annotations

from pathlib import Path

import pytest

from storage import FolderStore, S3Store, Store


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.integration)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Each kind of store in turn: the laws are the same."""
    if request.param == "folder":
        return FolderStore(tmp_path / "store", create=True)
    return S3Store(request.getfixturevalue("bucket"), "some prefix/")
