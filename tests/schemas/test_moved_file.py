"""A catalog's file that is moved, replaced or deleted while it is open is not written on as if nothing had been."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.errors import CatalogUnavailableError
from schemas.repository import Catalog


def delete(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    shutil.copyfile(path, path.with_name("copy"))
    path.with_name("copy").replace(path)


@pytest.mark.parametrize("change", [delete, replace])
def test_what_is_no_longer_the_opened_file_is_refused(change: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    with Catalog.open(f"sqlite:///{path}") as catalog:
        catalog.collection_id("plates")
        change(path)
        with pytest.raises(CatalogUnavailableError, match="moved, replaced or deleted"):
            catalog.collection_id("negatives")
        with pytest.raises(CatalogUnavailableError, match="moved, replaced or deleted"):
            catalog.runs()


def test_it_is_used_again_once_it_was_put_back(tmp_path: Path) -> None:
    path, away = tmp_path / "catalog.db", tmp_path / "away.db"
    with Catalog.open(f"sqlite:///{path}") as catalog:
        number = catalog.collection_id("plates")
        path.rename(away)
        with pytest.raises(CatalogUnavailableError, match="moved, replaced or deleted"):
            catalog.collection_id("plates")
        away.rename(path)
        assert catalog.collection_id("plates") == number


def test_a_relative_name_means_the_same_file_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    with Catalog.open("sqlite:///catalog.db") as catalog:
        monkeypatch.chdir("other")
        assert catalog.runs() == []
