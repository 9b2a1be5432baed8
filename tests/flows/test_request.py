from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows.request import LEAST_MEMORY, RestoreRequest
from oldphoto_core.errors import UsageError
from schemas.repository import Catalog
from schemas.urls import shown


@pytest.mark.parametrize(
    "change",
    [{}, {"weights": None}, {"limit": 1, "memory": LEAST_MEMORY}, {"executor": "ray", "workers": 1}],
)
def test_a_plain_request_passes(request_: RestoreRequest, change: dict[str, Any]) -> None:
    replace(request_, **change).check()


@pytest.mark.parametrize(
    "change",
    [
        {"source": "/no/such/folder"},
        {"source": "ftp://host/scans"},
        {"profile": "museum"},
        {"tier": "perfect"},
        {"device": "tpu"},
        {"executor": "slurm"},
        {"config": "huge"},
        {"limit": 0},
        {"workers": 0, "executor": "ray"},
        {"workers": 2, "executor": "inline"},
        {"memory": 1.49},
        {"limit": 2**63},
        {"memory": float("inf")},
        {"memory": float("nan")},
        {"manifest": "/no/such/manifest"},
        {"weights": "/no/such/weights"},
        {"catalog": "/no/such/folder"},
        {"catalog": "me@host/archive"},
        {"catalog": "ftp://host/catalog.db"},
        {"destination": "s3://bucket/results"},
    ],
)
def test_the_impossible_is_refused_before_anything_starts(
    request_: RestoreRequest, change: dict[str, object]
) -> None:
    with pytest.raises(UsageError):
        replace(request_, **change).check()  # type: ignore[arg-type]


@pytest.mark.parametrize("place", ["source", "destination"])
def test_a_folder_that_no_catalog_can_name_is_refused(
    request_: RestoreRequest, tmp_path: Path, place: str
) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9") / "scans"
    odd.mkdir(parents=True)
    with pytest.raises(UsageError, match=r"not UTF-8.*Rename"):
        replace(request_, **{place: str(odd)}).check()


def test_masters_and_derivatives_are_kept_apart(request_: RestoreRequest) -> None:
    with pytest.raises(UsageError, match="kept apart"):
        replace(request_, destination=request_.source).check()


def test_results_are_no_scans(request_: RestoreRequest, archive: Path) -> None:
    results = archive / "restored"
    results.mkdir(parents=True)
    with pytest.raises(UsageError, match="folder of results"):
        replace(request_, source=str(results)).check()


def test_a_bucket_needs_a_named_catalog(request_: RestoreRequest) -> None:
    bucket = replace(request_, destination="s3://bucket/results")
    with pytest.raises(UsageError, match="--catalog"):
        bucket.check()
    replace(bucket, catalog="postgresql://me@host/archive").check()


def test_the_default_catalog_lies_in_the_destination(request_: RestoreRequest, archive: Path) -> None:
    assert request_.catalog_url() == f"sqlite:///{archive / 'catalog.db'}"


def test_a_folder_stands_for_the_catalog_in_it(request_: RestoreRequest, tmp_path: Path) -> None:
    named = replace(request_, catalog=str(tmp_path))
    named.check()
    assert named.catalog_url() == f"sqlite:///{tmp_path / 'catalog.db'}"


def test_a_catalogs_file_is_named_by_its_path(
    request_: RestoreRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path / 'out' / 'catalog.db'}"
    new = replace(request_, catalog="out/catalog.db")
    new.check()
    assert new.catalog_url() == url, "one that is made by this run"
    Catalog.open(url).close()
    (tmp_path / "out" / "catalog.db").rename(tmp_path / "out" / "holdings")
    named = replace(request_, catalog="out/holdings")
    named.check()
    assert named.catalog_url() == f"sqlite:///{tmp_path / 'out' / 'holdings'}"
    assert named.parameters()["catalog"] == named.catalog_url()


def test_a_question_mark_belongs_to_the_path(request_: RestoreRequest, tmp_path: Path) -> None:
    odd = replace(request_, destination=str(tmp_path / "what?" / "a=b" / "out"))
    with Catalog.open(odd.catalog_url()):
        assert (tmp_path / "what?" / "a=b" / "out" / "catalog.db").is_file()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("what")] == ["what?"]
    assert shown(odd.catalog_url()) == odd.catalog_url()
    inside = replace(request_, catalog=f"sqlite:///{request_.source}/my?.db")
    assert inside.leave_out()("my?.db")


def test_recorded_parameters_mean_the_same_from_any_folder(
    request_: RestoreRequest, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(weights.parent)
    given = replace(request_, weights=weights.name, manifest="sums.txt", catalog=str(tmp_path))
    recorded = given.parameters()
    assert recorded["weights"] == str(weights)
    assert recorded["manifest"] == str(weights.parent / "sums.txt")
    assert recorded["catalog"] == f"sqlite:///{tmp_path / 'catalog.db'}"
    relative = replace(given, catalog="sqlite:///some/catalog.db").parameters()
    assert relative["catalog"] == f"sqlite:///{weights.parent / 'some/catalog.db'}"
    left_out = replace(request_, weights=None).parameters()
    assert (left_out["catalog"], left_out["manifest"], left_out["weights"]) == (None, None, None)


def test_two_archives_of_one_name_are_two_collections(request_: RestoreRequest, tmp_path: Path) -> None:
    other = replace(request_, source=str(tmp_path / "elsewhere" / "scans"))
    assert other.collection_name() != request_.collection_name()
    assert replace(request_, source=request_.source + "/").collection_name() == request_.collection_name()
    assert replace(request_, collection="plates").collection_name() == "plates"


def test_our_own_files_in_the_source_are_no_masters(request_: RestoreRequest, scans: Path) -> None:
    inside = replace(
        request_,
        destination=str(scans / "results"),
        manifest=str(scans / "manifest-sha256.txt"),
        catalog=f"sqlite:///{scans / 'my.db'}",
    )
    leave_out = inside.leave_out()
    assert leave_out("results/restored/a.png")
    assert leave_out("manifest-sha256.txt")
    assert leave_out("my.db")
    assert leave_out("my.db-wal")
    assert not leave_out("results.tif")
    assert not leave_out("a.tif")


def test_a_destination_elsewhere_leaves_nothing_out(request_: RestoreRequest) -> None:
    leave_out = request_.leave_out()
    assert not leave_out("restored/a.tif")


def test_a_password_is_never_kept(request_: RestoreRequest) -> None:
    url = "postgresql://me:secret@host/archive"
    assert "secret" not in str(replace(request_, catalog=url).parameters())
    assert "secret" not in str(shown("not a url://me:secret@host"))


def test_a_catalog_that_the_environment_names_is_taken_and_checked_like_one_that_is_given(
    request_: RestoreRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unnamed = replace(request_, catalog=None)
    monkeypatch.setenv("OLDPHOTO_CATALOG", "postgresql://ada:word@host/archive")
    assert unnamed.catalog_url() == "postgresql://ada:word@host/archive"
    assert unnamed.parameters()["catalog"] == "postgresql://ada:***@host/archive"
    given = replace(request_, catalog=f"sqlite:///{tmp_path}/own.db")
    assert given.catalog_url() == f"sqlite:///{tmp_path}/own.db"
    monkeypatch.setenv("OLDPHOTO_CATALOG", str(tmp_path / "fodler"))
    with pytest.raises(UsageError, match="no catalog and no folder"):
        unnamed.check()
    monkeypatch.setenv("OLDPHOTO_CATALOG", "")
    assert unnamed.catalog_url().endswith("/catalog.db")
