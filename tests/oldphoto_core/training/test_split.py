"""Laws of the split: fixed by the name, sisters together, about the stated shares."""

from __future__ import annotations

import pytest

from oldphoto_core.training.split import in_annotated_validation, in_validation, position, split_group


def test_the_suffix_and_the_folder_do_not_matter() -> None:
    assert in_validation("a/b/view-0001.jpg") == in_validation("view-0001.png") == in_validation("view-0001")


@pytest.mark.parametrize("name", ["scan.001", "Page 3. Verso", "view-0001"])
def test_a_dot_in_a_name_is_no_ending(name: str) -> None:
    """Else masks (NAME_mask.png) and photographs (NAME.jpg) of one name are on two sides."""
    assert split_group(name) == split_group(f"{name}.jpg") == split_group(f"old/{name}.JPEG") == name


def test_sister_plates_share_a_side() -> None:
    for number in range(50):
        plates = [f"prokudingorskiiplates-{number:04d}{colour}.jpg" for colour in "bgr"]
        assert {split_group(p) for p in plates} == {f"prokudingorskiiplates-{number:04d}"}
        assert len({position(p) for p in plates}) == 1


def test_other_names_that_end_in_a_letter_are_groups_of_their_own() -> None:
    assert split_group("album-0001b.jpg") == "album-0001b"


def test_the_shares_are_about_what_they_should_be() -> None:
    names = [f"photo-{number:05d}.jpg" for number in range(4000)]
    assert 0.10 < sum(map(in_validation, names)) / len(names) < 0.14
    assert 0.47 < sum(map(in_annotated_validation, names)) / len(names) < 0.53


def test_the_split_never_moves() -> None:
    """These sides are part of what published figures mean."""
    assert split_group("view-0007.jpg") == "view-0007"
    assert round(position("view-0007.jpg"), 6) == POSITION_OF_VIEW_7


POSITION_OF_VIEW_7 = 0.143906
