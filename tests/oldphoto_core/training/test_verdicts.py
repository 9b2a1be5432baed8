"""The list of looked-at places: well formed, and none on a photograph that measures."""

from __future__ import annotations

from pathlib import Path

import pytest

from oldphoto_core.errors import UsageError
from oldphoto_core.training.split import in_validation
from oldphoto_core.training.verdicts import CERTAIN, CONFIRMED, UNCERTAIN, Place, read_verdicts, weights

HEADER = "photo\tx\ty\twidth\theight\tverdict\n"


def test_places_are_read_by_photograph(tmp_path: Path) -> None:
    table = tmp_path / "verdicts.tsv"
    table.write_text(HEADER + "a\t1\t2\t3\t4\tsound\na\t5\t6\t7\t8\tdamage\nb\t0\t0\t1\t1\tsound\n")
    assert read_verdicts(table) == {
        "a": [Place(1, 2, 3, 4, CERTAIN), Place(5, 6, 7, 8, CONFIRMED)],
        "b": [Place(0, 0, 1, 1, CERTAIN)],
    }


@pytest.mark.parametrize("row", ["a\t1\t2\t3\t4\tmaybe", "a\t1\t2\tx\t4\tsound", "a\t1\t2"])
def test_a_row_that_says_something_else_is_refused(tmp_path: Path, row: str) -> None:
    table = tmp_path / "verdicts.tsv"
    table.write_text(HEADER + "b\t0\t0\t1\t1\tsound\n" + row + "\n")
    with pytest.raises(UsageError, match="line 3"):
        read_verdicts(table)


def test_weights_have_their_margin_and_stay_inside_the_picture() -> None:
    drawn = weights([Place(0, 0, 2, 2, CERTAIN), Place(8, 3, 5, 1, CONFIRMED)], height=6, width=10)
    assert (drawn[:4, :4] == CERTAIN).all()
    assert (drawn[1:6, 6:] == CONFIRMED).all()
    assert (drawn == UNCERTAIN).sum() == 60 - 16 - 20


def test_confirmed_damage_goes_before_sound() -> None:
    both = [Place(2, 2, 3, 3, CONFIRMED), Place(0, 0, 9, 9, CERTAIN)]
    assert (weights(both, 9, 9, margin=0)[2:5, 2:5] == CONFIRMED).all()


def test_the_list_names_no_photograph_that_measures() -> None:
    places = read_verdicts()
    assert len(places) > 50
    assert not any(in_validation(name) for name in places)
    assert all(place.width > 0 and place.height > 0 for found in places.values() for place in found)
