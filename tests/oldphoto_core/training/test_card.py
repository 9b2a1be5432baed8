"""What a model card says of its data."""

from __future__ import annotations

from pathlib import Path

from oldphoto_core.training.card import collections, training_photographs
from oldphoto_core.training.samples import AnnotatedSamples, PhotoFolder
from oldphoto_core.training.split import in_validation


def test_collections_count_what_training_saw(tmp_path: Path) -> None:
    assert collections(tmp_path, ["aged"]) == {}
    names = [f"view-{number}.jpg" for number in range(40)]
    lines = ["file\tsource\trepository\toriginal file name"]
    lines += [f"clean/{name}\tWalks\tsomebody/walks@1\t{name}" for name in names]
    lines += ["old/plate.jpg\tPlates\tsomebody/plates@2\tplate.jpg"]
    (tmp_path / "SOURCES.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    seen = sum(not in_validation(name) for name in names)
    assert collections(tmp_path, ["aged"]) == {"Walks (somebody/walks@1)": seen}


def test_photographs_are_counted_that_training_draws_from(training_data: Path) -> None:
    """Pictures of another kind, masks without their photograph, and names with dots among them."""
    for number in range(6):
        (training_data / "clean" / f"other-{number}.png").touch()
        (training_data / "annotated" / f"gone-{number}_mask.png").touch()
        (training_data / "clean" / f"box.{number}.jpg").touch()
    clean = PhotoFolder(training_data / "clean").paths
    assert training_photographs(training_data, ["aged", "annotated"]) == {
        "clean": len(clean),
        "annotated": len(AnnotatedSamples(training_data, 64).items),
    }
