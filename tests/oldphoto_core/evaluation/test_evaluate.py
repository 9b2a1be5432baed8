"""Laws of an evaluation: the truth scores best, doing nothing scores as the input, limits change no seeds."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from oldphoto_core.errors import UsageError, WeightsError
from oldphoto_core.evaluation import (
    ComparedPhoto,
    OpenCvChain,
    comparison_sheet,
    evaluate_detection,
    evaluate_directory,
)
from oldphoto_core.evaluation.pairs import find_pairs
from oldphoto_core.evaluation.report import CHAIN, INPUT, OURS, OURS_TRUE_MASK, TELEA_TRUE_MASK
from oldphoto_core.photo import DefectDetection, Mask, Pixels, RestorationResult
from tests.oldphoto_core.evaluation.conftest import picture, write


class _DoesNothing:
    """Satisfies the protocol and leaves every photo as it is: its scores must be the input's."""

    def detect(self, pixels: Pixels) -> DefectDetection:
        nothing = np.zeros(pixels.shape[:2], dtype=np.float32)
        return DefectDetection(nothing, nothing > 0)

    def restore(self, pixels: Pixels, *, mask: Mask | None = None) -> RestorationResult:
        found = self.detect(pixels)
        return RestorationResult(pixels, None, {}, found.probability, found.mask, needed=False)


def test_doing_nothing_scores_as_the_input(scratched_pairs: Path) -> None:
    report = evaluate_directory(scratched_pairs, _DoesNothing())
    ours, untouched = report.pictures[OURS], report.pictures[INPUT]
    assert (ours.psnr, ours.ssim, ours.gmsd) == (untouched.psnr, untouched.ssim, untouched.gmsd)
    assert report.clean[OURS].untouched == 1.0
    assert report.clean[OURS].false_alarm_share == 0.0
    assert report.detection[OURS].recall == 0.0
    assert report.profile == "pairs"


def test_repairing_scratches_beats_the_input_inside_the_damage(scratched_pairs: Path) -> None:
    report = evaluate_directory(scratched_pairs, OpenCvChain())
    assert set(report.pictures) == {INPUT, CHAIN, TELEA_TRUE_MASK, OURS, OURS_TRUE_MASK}
    assert report.pictures[TELEA_TRUE_MASK].psnr_inside > report.pictures[INPUT].psnr_inside + 10
    assert report.pictures[OURS].psnr_inside > report.pictures[INPUT].psnr_inside + 10
    assert report.detection[OURS].roc_auc > 0.99
    assert report.pictures[CHAIN].psnr == report.pictures[OURS].psnr


class _Tints(_DoesNothing):
    """Makes every photo a little redder: what restoring must never do to a grey one."""

    def restore(self, pixels: Pixels, *, mask: Mask | None = None) -> RestorationResult:
        found = self.detect(pixels)
        tinted = np.clip(pixels.astype(np.int16) + np.array([3, 0, 0]), 0, 255).astype(np.uint8)
        return RestorationResult(tinted, None, {}, found.probability, found.mask)


def test_colour_in_grey_photographs_is_measured(clean_folder: Path) -> None:
    grey = evaluate_directory(clean_folder, _Tints(), size=48).grey[OURS]
    assert (grey.photos, grey.chroma, grey.worst_chroma) == (3, 3.0, 3.0)
    assert evaluate_directory(clean_folder, _DoesNothing(), size=48).grey[OURS].worst_chroma == 0.0


class _Untrained(_DoesNothing):
    """Has no weights to restore with."""

    def restore(self, pixels: Pixels, *, mask: Mask | None = None) -> RestorationResult:
        raise WeightsError("The latent translation has no trained weights.")


def test_grey_photographs_that_nothing_restored_are_no_figure(clean_folder: Path) -> None:
    report = evaluate_directory(clean_folder, _Untrained(), size=48)
    assert report.notes == ("ours: restoring was left out. The latent translation has no trained weights.",)
    assert report.grey == {}
    assert "Grey photographs" not in report.to_text()


def test_photographs_beside_a_folder_of_aged_ones_are_no_pairs(clean_folder: Path) -> None:
    (clean_folder / "aged").mkdir()
    report = evaluate_directory(clean_folder, None, profile="archive", size=48)
    assert (report.photos, report.profile) == (3, "archive")


def test_ablations_stand_beside_ours(scratched_pairs: Path) -> None:
    report = evaluate_directory(scratched_pairs, OpenCvChain(), ablations={"no repair": _DoesNothing()})
    assert report.pictures["no repair"].psnr == report.pictures[INPUT].psnr
    assert report.pictures[OURS].psnr_inside > report.pictures["no repair"].psnr_inside
    assert report.detection["no repair"].recall == 0.0
    assert "no repair" in report.to_text()


def test_an_ablation_called_as_another_method_is_refused(scratched_pairs: Path, tmp_path: Path) -> None:
    ablations = {OURS: _DoesNothing()}
    with pytest.raises(UsageError, match="cannot be called 'ours'"):
        evaluate_directory(scratched_pairs, OpenCvChain(), ablations=ablations)
    with pytest.raises(UsageError, match="cannot be called 'ours'"):
        evaluate_detection(*_annotated(tmp_path), OpenCvChain(), ablations=ablations)


def test_without_a_restorer_input_and_chain_are_measured(clean_folder: Path) -> None:
    report = evaluate_directory(clean_folder, None, profile="archive", size=64)
    assert set(report.pictures) == {INPUT, CHAIN, TELEA_TRUE_MASK}
    assert report.photos == 3


def test_ageing_on_the_fly_depends_on_name_and_seed_alone(clean_folder: Path) -> None:
    def aged(limit: int | None, seed: int) -> dict[str, bytes]:
        _, pairs = find_pairs(clean_folder, profile="seed", limit=limit, size=48, seed=seed, keep=None)
        return {pair.name: pair.aged.tobytes() for pair in pairs}

    everything = aged(None, 0)
    assert aged(2, 0) == {name: everything[name] for name in sorted(everything)[:2]}
    assert aged(None, 1) != everything


def test_keep_chooses_the_photographs(clean_folder: Path) -> None:
    report = evaluate_directory(clean_folder, None, keep=lambda name: "0001" in name)
    assert report.photos == 1


def test_the_report_reads_as_json_and_as_a_table(clean_folder: Path) -> None:
    report = evaluate_directory(clean_folder, _DoesNothing(), profile="archive")
    document = json.loads(report.to_json())
    assert document["photos"] == 3
    assert document["pictures"]["ours"]["psnr"] == pytest.approx(report.pictures[OURS].psnr)
    assert "NaN" not in report.to_json()
    text = report.to_text()
    assert all(word in text for word in ("PSNR", "opencv chain", "ours", "ROC-AUC", "untouched"))


def test_each_photograph_is_shown_with_its_progress(clean_folder: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    shown: list[ComparedPhoto] = []

    def watch(compared: ComparedPhoto, done: int, total: int) -> None:
        seen.append((compared.name, done, total))
        shown.append(compared)

    evaluate_directory(clean_folder, _DoesNothing(), size=64, watch=watch)
    assert [(done, total) for _, done, total in seen] == [(1, 3), (2, 3), (3, 3)]
    sheet = comparison_sheet(shown, side=64)
    assert sheet.shape == (3 * 68, 5 * 68, 3)


@pytest.mark.parametrize("profile", ["sead", ""])
def test_an_unknown_profile_is_refused(clean_folder: Path, profile: str) -> None:
    with pytest.raises(UsageError, match="archive, seed"):
        evaluate_directory(clean_folder, None, profile=profile)


def test_folders_that_do_not_fit_are_refused(tmp_path: Path, scratched_pairs: Path) -> None:
    with pytest.raises(UsageError, match="not a folder"):
        evaluate_directory(tmp_path / "absent", None)
    with pytest.raises(UsageError, match="no photographs"):
        evaluate_directory(tmp_path, None)
    (scratched_pairs / "aged" / "plate-1.png").unlink()
    with pytest.raises(UsageError, match="no partner"):
        evaluate_directory(scratched_pairs, None)


def _annotated(tmp_path: Path) -> tuple[Path, Path]:
    """One photograph with a marked scratch and an ignored one, one verified sound."""
    photo = picture(4)
    mask, ignored = (np.zeros(photo.shape[:2], dtype=np.uint8) for _ in range(2))
    cv2.line(mask, (10, 20), (95, 30), 255, 1)
    cv2.line(ignored, (10, 70), (95, 60), 255, 5)
    scratched = photo.copy()
    scratched[mask > 0] = 255
    cv2.line(scratched, (10, 70), (95, 60), (255, 255, 255), 1)
    for name, pixels, marks, unsure in (
        ("portrait-0001", scratched, mask, ignored),
        ("portrait-0002", photo, np.zeros_like(mask), np.zeros_like(mask)),
    ):
        write(tmp_path / "old" / f"{name}.png", pixels)
        write(tmp_path / "annotated" / f"{name}_mask.png", marks)
        write(tmp_path / "annotated" / f"{name}_ignore.png", unsure)
    return tmp_path / "old", tmp_path / "annotated"


def test_annotated_photographs_are_scored_outside_the_ignored(tmp_path: Path) -> None:
    photos, annotated = _annotated(tmp_path)
    report = evaluate_detection(photos, annotated, OpenCvChain())
    assert (report.photos, report.damaged) == (2, 1)
    assert report.detection[OURS] == report.detection[CHAIN]
    assert report.detection[OURS].precision > 0.95
    assert report.detection[OURS].roc_auc > 0.99
    assert evaluate_detection(photos, annotated, None, lambda name: name.endswith("2")).damaged == 0


@pytest.mark.parametrize("which", ["mask", "ignore"])
def test_annotations_of_another_size_are_refused(tmp_path: Path, which: str) -> None:
    photos, annotated = _annotated(tmp_path)
    write(annotated / f"portrait-0002_{which}.png", np.zeros((9, 12), np.uint8))
    with pytest.raises(UsageError, match=r"portrait-0002: mask \(9, 12\)"):
        evaluate_detection(photos, annotated, None)


def test_annotations_without_their_photograph_are_refused(tmp_path: Path) -> None:
    photos, annotated = _annotated(tmp_path)
    (photos / "portrait-0002.png").unlink()
    with pytest.raises(UsageError, match="portrait-0002"):
        evaluate_detection(photos, annotated, None)
    with pytest.raises(UsageError, match="takes part"):
        evaluate_detection(photos, annotated, None, lambda name: False)
