"""Law: no two work items of a collection ever get the same derivative path."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.naming import assign_stems, prefix_candidates, short_stem

_PARTS = st.sampled_from(["a", "b", ".tif", ".png", "~2", "~3", "/", ".", "é", " ", "A"])
_KEYS = st.lists(_PARTS, min_size=1, max_size=6).map("".join)


@pytest.mark.parametrize(
    ("key", "stem"),
    [
        ("a.tif", "a"),
        ("box 1/a.b.tiff", "box 1/a.b"),
        ("box.1/a", "box.1/a"),
        (".hidden", ".hidden"),
        ("a.", "a."),
        ("x/..", "x/.."),
        ("x/...tif", "x/...tif"),
        ("Portrait of St. John", "Portrait of St. John"),
        ("folder/", "folder/"),
    ],
)
def test_short_stem(key: str, stem: str) -> None:
    assert short_stem(key) == stem


def test_the_second_of_two_takes_its_whole_key() -> None:
    assert assign_stems(["a.tif"], lambda stems: {"a"}) == {"a.tif": "a.tif"}
    assert assign_stems(["b.jpg", "b.tif"], lambda stems: set()) == {"b.jpg": "b", "b.tif": "b.tif"}


def test_a_key_whose_whole_name_is_taken_as_well() -> None:
    owned = {"a", "a.tif"}
    assert assign_stems(["a.tif"], lambda stems: owned & set(stems)) == {"a.tif": "a.tif~2"}


@given(st.lists(st.lists(_KEYS, max_size=8), max_size=8))
def test_stems_are_never_shared_whatever_the_batches(batches: list[list[str]]) -> None:
    stems: dict[str, str] = {}

    def owned(wanted: Collection[str]) -> set[str]:
        return set(wanted) & set(stems.values())

    for batch in batches:
        stems |= assign_stems([key for key in batch if key not in stems], owned)
    assert set(stems) == {key for batch in batches for key in batch}
    assert len(set(stems.values())) == len(stems)


def test_prefixes_in_the_order_of_the_contract() -> None:
    recipe, content = "a" * 64, "b" * 64
    first, second, third = prefix_candidates(recipe, content)
    assert (first, second) == ("", "recipes/aaaaaaaaaaaa/")
    assert third == "recipes/aaaaaaaaaaaa/contents/bbbbbbbbbbbb/"
