"""Places as they are typed: what they mean, and which lies in which."""

from __future__ import annotations

from pathlib import Path

import pytest

from oldphoto_core.errors import UsageError
from storage.places import absolute_place, relative_place


@pytest.mark.parametrize(
    ("root", "place", "relative"),
    [
        ("s3://b/scans", "s3://b/scans/out", "out"),
        ("s3://b/scans/", "s3://b/scans", ""),
        ("s3://b//scans", "s3://b/scans/", ""),
        ("s3://b//scans", "s3://b/scans//out", "out"),
        ("s3://b", "s3://b//out", "out"),
        ("s3://b/scans", "s3://b/scans-2", None),
        ("s3://b/scans", "/scans", None),
        ("/a/b", "/a/b/c/d", "c/d"),
        ("/a/b", "/a", None),
        ("/a/b", "/a/b-restored", None),
        ("/a/b", "file:///a/b/c%20d", "c d"),
    ],
)
def test_a_place_relative_to_another(root: str, place: str, relative: str | None) -> None:
    assert relative_place(root, place) == relative


@pytest.mark.parametrize("place", ["", " "])
def test_a_place_without_a_name_is_not_the_present_folder(place: str) -> None:
    for asked in (
        absolute_place,
        lambda one: relative_place("/a", one),
        lambda one: relative_place(one, "/a"),
    ):
        with pytest.raises(UsageError, match="without a name"):
            asked(place)
    assert absolute_place(".") == str(Path.cwd())


def test_a_user_who_does_not_exist_is_a_name_like_others() -> None:
    assert absolute_place("~nobody-is-called-so/a") == str(Path.cwd() / "~nobody-is-called-so" / "a")


def test_links_that_lead_in_a_circle_are_a_place_like_others(tmp_path: Path) -> None:
    """What cannot be opened is told by whoever opens it."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert absolute_place(f"{tmp_path}/loop/") == str(tmp_path / "loop")
