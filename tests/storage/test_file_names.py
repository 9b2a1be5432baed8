"""Names that are made longer stay names of files."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from storage.file_names import ending_in


@given(
    st.text(st.characters(codec="utf-8"), max_size=300), st.sampled_from([".edit-0123456789ab.png", ".png"])
)
def test_an_ending_is_never_cut_and_a_stem_only_where_it_must_be(stem: str, ending: str) -> None:
    name = ending_in(stem, ending)
    assert name.endswith(ending)
    kept = name.removesuffix(ending)
    assert stem.startswith(kept)
    assert len(name.encode()) <= 255
    assert kept == stem or len((stem[: len(kept) + 1] + ending).encode()) > 255, (
        "no character more than needed"
    )
