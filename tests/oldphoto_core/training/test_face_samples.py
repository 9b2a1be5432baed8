"""Laws of the face samples: faces lie in the template, keep their tone, and go through the stage before."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from oldphoto_core.errors import UsageError
from oldphoto_core.faces.align import apply_similarity
from oldphoto_core.faces.enhance import BOX_IN_CROP
from oldphoto_core.models.build import build
from oldphoto_core.training.face_samples import (
    FaceSamples,
    StageBefore,
    alignment_of_box,
    read_boxes,
    retoned,
)
from oldphoto_core.training.settings import TrainingSettings
from oldphoto_core.training.split import in_validation
from oldphoto_core.training.stream import BlockDataset, batches_from
from oldphoto_core.training.trainer import Trainer
from oldphoto_core.weights.cards import read_card
from oldphoto_core.weights.load import load_networks
from oldphoto_core.weights.store import load_weights

NO_STAGE = StageBefore("compact", share=0.0)


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """faces/ with two drawn heads, and where they lie."""
    folder = tmp_path / "faces"
    folder.mkdir()
    names = [n for n in (f"head-{i:03d}.jpg" for i in range(50)) if not in_validation(n)][:2]
    with (folder / "boxes.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["file", "x", "y", "w", "h", "source"])
        for number, name in enumerate(names):
            picture = np.full((200, 200, 3), 90 + 40 * number, np.uint8)
            cv2.ellipse(picture, (100, 100), (60, 75), 0, 0, 360, (150, 190, 230), -1)
            for x in (80, 120):
                cv2.circle(picture, (x, 90), 8, (20, 20, 20), -1)
            cv2.imwrite(str(folder / name), picture)
            rows.writerow([name, 35, 35, 130, 130, "drawn"])
    return tmp_path


def test_a_box_lies_in_the_crop_where_boxes_lie() -> None:
    alignment = alignment_of_box((40.0, 30.0, 120.0, 120.0), 256)
    corner = apply_similarity(alignment.matrix, np.array([[40.0, 30.0]]))[0]
    assert corner == pytest.approx([BOX_IN_CROP[0] * 256, BOX_IN_CROP[1] * 256])
    assert alignment.magnification == pytest.approx(BOX_IN_CROP[2] * 256 / 120)


def test_samples_are_aligned_pairs_of_the_wanted_size(faces: Path) -> None:
    source, rng = FaceSamples(faces, 64, NO_STAGE), np.random.default_rng(0)
    drawn = [source.draw(rng) for _ in range(6)]
    assert all(sample[name].shape == (64, 64, 3) for sample in drawn for name in ("aged", "clean"))
    assert any((sample["aged"] != sample["clean"]).any() for sample in drawn)
    again = FaceSamples(faces, 64, NO_STAGE).draw(np.random.default_rng(0))
    assert all((again[name] == drawn[0][name]).all() for name in again)


def test_boxes_are_read_as_a_spreadsheet_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "boxes.csv"
    assert read_boxes(path) == {}
    path.write_text("\ufefffile,x,y,w,h\na.jpg,1,2,30.5,40\n", encoding="utf-8")
    assert read_boxes(path) == {"a.jpg": (1.0, 2.0, 30.5, 40.0)}


@pytest.mark.parametrize(
    "rows",
    [
        "file;x;y;w;h\na.jpg;1;2;30;40\n",
        "file,x,y,w,h\na.jpg,1,2,30\n",
        "file,x,y,w,h\na.jpg,1,2,30,0\n",
        "file,x,y,w,h\na.jpg,1,nan,30,40\n",
        "file,x,y,w,h\na.jpg,1,2,inf,40\n",
    ],
)
def test_boxes_that_are_none_are_refused_by_line(tmp_path: Path, rows: str) -> None:
    (tmp_path / "boxes.csv").write_text(rows, encoding="utf-8")
    with pytest.raises(UsageError, match=r"boxes\.csv, line 2: want"):
        read_boxes(tmp_path / "boxes.csv")


@pytest.mark.parametrize("place", [(200, 35), (-130, 35), (35, 500), (35, -200)])
def test_a_box_beside_its_photograph_is_told(faces: Path, place: tuple[int, int]) -> None:
    boxes = faces / "faces" / "boxes.csv"
    boxes.write_text(boxes.read_text().replace(",35,35,", ",{},{},".format(*place)), encoding="utf-8")
    with pytest.raises(UsageError, match=r"boxes\.csv: the box of head-0.* has 200 × 200 pixels"):
        FaceSamples(faces, 64, NO_STAGE).draw(np.random.default_rng(0))


def test_a_folder_without_any_face_is_refused(faces: Path) -> None:
    """Looking for one must not go on for ever."""
    (faces / "faces" / "boxes.csv").unlink()
    for path in (faces / "faces").iterdir():
        cv2.imwrite(str(path), np.full((200, 200, 3), 90, np.uint8))
    with pytest.raises(UsageError, match=r"No face is found in the 2 photographs of .*faces"):
        FaceSamples(faces, 64, NO_STAGE).draw(np.random.default_rng(0))


def test_the_target_takes_the_tone_of_the_degraded_face() -> None:
    clean = cv2.resize(np.random.default_rng(0).integers(60, 200, (8, 8, 3), dtype=np.uint8), (64, 64))
    faded = np.rint(clean * np.array([0.5, 0.6, 0.4]) + 70).astype(np.uint8)
    assert np.abs(retoned(clean, faded).astype(int) - faded).max() <= 2


def test_a_grey_face_has_a_grey_target() -> None:
    clean = np.random.default_rng(0).integers(0, 255, (64, 64, 1), dtype=np.uint8).repeat(3, axis=2)
    target = retoned(clean, cv2.GaussianBlur(clean, (5, 5), 2))
    assert (target == target[..., :1]).all()


def test_faces_go_through_the_trained_stage_before(faces: Path) -> None:
    """The shipped restorer takes noise off: what went through it is smoother than what did not."""
    through, around = (FaceSamples(faces, 256, StageBefore("compact", share=share)) for share in (1.0, 0.0))
    assert through.restorer is not None
    assert around.restorer is None
    differ = [
        (
            through.draw(np.random.default_rng(n))["aged"] != around.draw(np.random.default_rng(n))["aged"]
        ).any()
        for n in range(2)
    ]
    assert any(differ)


def test_without_trained_weights_there_is_no_stage_before(faces: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert FaceSamples(faces, 64, StageBefore("compact", tmp_path / "empty", 1.0)).restorer is None


def test_a_folder_without_boxes_is_read_as_such(tmp_path: Path) -> None:
    assert read_boxes(tmp_path / "boxes.csv") == {}
    with pytest.raises(UsageError, match="--data"):
        FaceSamples(tmp_path, 64, NO_STAGE)


def test_training_refines_faces_and_its_weights_load(faces: Path) -> None:
    """A few real steps: the loss on what was seen falls, and the stage is there for a restorer to use."""
    settings = TrainingSettings(
        network="faces",
        config="compact",
        data=faces,
        out=faces / "weights" / "faces.safetensors",
        max_steps=8,
        optimiser="muon",
        batch=2,
        workers=0,
        learning_rate=1e-3,
        constant_share=1.0,
        warm_up_steps=1,
        ema=0.5,
        stage_share=0.0,
    )
    trainer = Trainer(settings)
    dataset = BlockDataset(trainer.task.mixes, batch=2, crop=256, seed=settings.seed)
    batch = next(batches_from(0, dataset, workers=0))
    before = trainer.task.losses(batch, adversarial=False)["total"].item()
    written = trainer.run()
    after = trainer.task.losses(batch, adversarial=False)["total"].item()
    assert after < before
    load_weights(build("faces", "compact"), written)
    assert read_card(written)["data"] == {"faces": 2}
    assert load_networks("compact", written.parent).faces is not None


def test_refined_and_degraded_faces_are_judged_together(faces: Path) -> None:
    settings = TrainingSettings(
        network="faces",
        config="compact",
        data=faces,
        out=faces / "weights" / "faces.safetensors",
        max_steps=1,
        batch=1,
        workers=0,
        adversarial_from=0.0,
        stage_share=0.0,
    )
    trainer = Trainer(settings)
    before = [p.clone() for p in trainer.judges.parameters()]
    trainer.run()
    assert any(not (a == b).all() for a, b in zip(before, trainer.judges.parameters(), strict=True))
