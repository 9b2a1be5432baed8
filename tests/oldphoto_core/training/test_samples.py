"""Laws of the samples: arrays stay aligned, the validation split is never drawn, marks survive scaling."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from oldphoto_core.errors import UsageError
from oldphoto_core.training.samples import (
    AnnotatedSamples,
    PhotoFolder,
    Sample,
    WornSamples,
    cut,
    resized,
    turned,
)
from oldphoto_core.training.split import in_annotated_validation, in_validation, split_group
from oldphoto_core.training.verdicts import CERTAIN, UNCERTAIN, Place


def _pair(height: int = 50, width: int = 70) -> dict[str, np.ndarray]:
    picture = np.random.default_rng(1).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return {"aged": picture, "mask": (picture[..., 0] > 128).astype(np.uint8)}


def test_cut_and_turned_keep_arrays_aligned() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        sample = turned(cut(_pair(), 32, rng), rng)
        assert sample["aged"].shape == (32, 32, 3)
        assert ((sample["aged"][..., 0] > 128) == sample["mask"]).all()


def test_a_small_photo_is_mirrored_outwards_and_not_learnt_from_there() -> None:
    sample = {**_pair(20, 20), "weight": np.ones((20, 20), np.uint8)}
    result = cut(sample, 32, np.random.default_rng(0))
    assert result["aged"].shape == (32, 32, 3)
    assert result["weight"].sum() == 20 * 20


@pytest.mark.parametrize("scale", [0.75, 0.9, 1.1, 1.25, 1.6])
@pytest.mark.parametrize("name", ["mask", "weight"])
def test_scaled_marks_lie_on_what_they_mark(name: str, scale: float) -> None:
    rng = np.random.default_rng(0)
    differences = []
    for _ in range(200):
        picture = np.zeros((60, 60), np.uint8)
        (top, left), (height, width) = rng.integers(10, 40, 2), rng.integers(3, 9, 2)
        picture[top : top + height, left : left + width] = 1
        marks, seen = resized(picture, scale, name), resized(picture * 255, scale, "aged")
        differences.append(np.subtract(_middle(marks), _middle(seen)))
    assert np.abs(np.mean(differences, axis=0)).max() < 0.15


def _middle(values: np.ndarray) -> np.ndarray:
    return np.argwhere(values).T @ values[values > 0].astype(float) / values.sum()


def test_cut_goes_where_the_marks_are() -> None:
    mask = np.zeros((200, 200), np.uint8)
    mask[190, 5] = 1
    rng = np.random.default_rng(0)
    hits = [cut({"mask": mask}, 32, rng, towards=mask)["mask"].any() for _ in range(50)]
    assert sum(hits) > 25


def test_validation_photographs_are_never_drawn(tmp_path: Path) -> None:
    for number in range(60):
        cv2.imwrite(str(tmp_path / f"p-{number}.jpg"), np.zeros((8, 8, 3), np.uint8))
    paths = PhotoFolder(tmp_path).paths
    assert 30 < len(paths) < 60
    assert not any(in_validation(path.name) for path in paths)


def test_the_split_keeps_sister_plates_together() -> None:
    plates = [f"prokudingorskiiplates-0003{colour}.jpg" for colour in "bgr"]
    assert len({split_group(name) for name in plates}) == 1
    assert len({in_validation(name) for name in plates}) == 1


def test_validation_is_part_of_annotated_validation() -> None:
    names = [f"photo-{number}" for number in range(300)]
    assert all(in_annotated_validation(name) for name in names if in_validation(name))


def test_annotated_samples_carry_their_marks(training_data: Path) -> None:
    source = AnnotatedSamples(training_data, 64)
    rng = np.random.default_rng(0)
    drawn = [source.draw(rng) for _ in range(20)]
    assert sum(bool(sample["mask"].any()) for sample in drawn) > 10


def test_worn_photographs_are_sure_of_added_damage_only(
    training_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oldphoto_core.training.samples.SCREENED", 0.0)
    source = WornSamples(training_data, 96)
    rng = np.random.default_rng(0)
    drawn = [source.draw(rng) for _ in range(12)]
    damaged = [sample for sample in drawn if (sample["weight"] == 1).any()]
    assert len(damaged) > 5
    for sample in damaged:
        marked = sample["mask"] > 0
        assert set(np.unique(sample["weight"][marked])) <= {0, 1}, "sure, or too faint to be taught"
        assert UNCERTAIN in sample["weight"][~marked]
        assert CERTAIN not in sample["weight"][~marked], "what was mirrored outwards does not count at all"
        changed = np.abs(sample["aged"].astype(int) - sample["clean"]).max(axis=-1)
        assert changed[marked].mean() > 3 * changed[~marked].mean()


@pytest.mark.parametrize("kind", [WornSamples, AnnotatedSamples])
def test_a_screen_changes_pictures_and_not_what_is_taught(
    kind: type[WornSamples | AnnotatedSamples], training_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drawn(share: float) -> list[Sample]:
        monkeypatch.setattr("oldphoto_core.training.samples.SCREENED", share)
        source = kind(training_data, 96)
        return [source.draw(np.random.default_rng(number)) for number in range(8)]

    for plain, printed in zip(drawn(0.0), drawn(1.0), strict=True):
        assert printed["aged"].shape == plain["aged"].shape
        assert _roughness(printed["aged"]) > _roughness(plain["aged"]) + 0.5, "dots are seen"
        if kind is AnnotatedSamples:
            assert (printed["mask"] == plain["mask"]).all()
            assert (printed["weight"] == plain["weight"]).all()


def _roughness(picture: np.ndarray) -> float:
    return float(np.abs(np.diff(picture.astype(int), axis=1)).mean())


def test_without_masks_the_message_says_what_the_detector_needs(training_data: Path) -> None:
    shutil.rmtree(training_data / "annotated")
    with pytest.raises(UsageError, match=r"add NAME_mask\.png \(255 = damage\)"):
        AnnotatedSamples(training_data, 64)


def test_undamaged_annotated_photographs_alone_can_be_learnt_from(training_data: Path) -> None:
    for path in (training_data / "annotated").glob("*_mask.png"):
        cv2.imwrite(str(path), np.zeros((120, 160), np.uint8))
    source, rng = AnnotatedSamples(training_data, 64), np.random.default_rng(0)
    assert not any(source.draw(rng)["mask"].any() for _ in range(8))


@pytest.mark.parametrize("which", ["mask", "ignore"])
def test_marks_of_another_size_are_refused(training_data: Path, which: str) -> None:
    path = sorted((training_data / "annotated").glob(f"*_{which}.png"))[0]
    cv2.imwrite(str(path), np.zeros((60, 80), np.uint8))
    with pytest.raises(UsageError, match=rf"{path.name.removesuffix(f'_{which}.png')}.*\(120, 160\)"):
        AnnotatedSamples(training_data, 64)


@pytest.mark.parametrize("pattern", ["old-{}", "box.{}"])
def test_no_worn_photograph_is_one_that_measures(training_data: Path, pattern: str) -> None:
    drawn = {p.stem for p in WornSamples(training_data, 96).photos.paths}
    names = (pattern.format(number) for number in range(99))
    measuring = next(name for name in names if _only_annotated_validation(f"{name}.jpg"))
    unmarked = next(f"more-{n}" for n in range(99) if _only_annotated_validation(f"more-{n}"))
    picture = np.zeros((120, 160, 3), np.uint8)
    for name in (measuring, unmarked):
        cv2.imwrite(str(training_data / "old" / f"{name}.jpg"), picture)
    cv2.imwrite(str(training_data / "annotated" / f"{measuring}_mask.png"), picture)
    assert {p.stem for p in WornSamples(training_data, 96).photos.paths} == drawn | {unmarked}


def _only_annotated_validation(name: str) -> bool:
    return in_annotated_validation(name) and not in_validation(name)


def test_places_found_sound_are_certain(training_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = sorted((training_data / "old").glob("*.jpg"))[0].stem
    places = {name: [Place(20, 30, 10, 6, CERTAIN)]}
    monkeypatch.setattr("oldphoto_core.training.samples.read_verdicts", lambda: places)
    source, rng = WornSamples(training_data, 96), np.random.default_rng(0)
    sure = [(s["weight"] == 1) & (s["mask"] == 0) for s in (source.draw(rng) for _ in range(30))]
    assert 5 < sum(bool(places.any()) for places in sure) < 25, "half of the patches are drawn towards them"
    assert max(int(places.sum()) for places in sure) <= (14 * 10) * 1.7**2
