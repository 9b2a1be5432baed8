"""Laws of figures on cards: each network gets its own, the weights stay valid, other files are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from oldphoto_core.errors import WeightsError
from oldphoto_core.evaluation import EvaluationReport, evaluate_directory, write_metrics
from oldphoto_core.models.build import build
from oldphoto_core.weights.cards import add_metrics, read_card
from oldphoto_core.weights.store import load_weights, save_weights
from tests.oldphoto_core.evaluation.test_evaluate import _DoesNothing

CARD = {"name": "n", "version": "0", "licence": "none", "steps": 7}


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    for name in ("detector", "vae-old"):
        save_weights(build(name, "compact"), tmp_path / "w" / f"{name}.safetensors", CARD)
    return tmp_path / "w"


@pytest.fixture
def report(scratched_pairs: Path) -> EvaluationReport:
    return evaluate_directory(scratched_pairs, _DoesNothing())


def test_each_network_gets_its_figures_and_still_loads(weights: Path, report: EvaluationReport) -> None:
    written = write_metrics(report, weights)
    assert {path.stem for path in written} == {"detector", "vae-old"}
    detector, old = (read_card(weights / f"{name}.safetensors") for name in ("detector", "vae-old"))
    assert detector["metrics"]["aged"]["photos"] == 2
    assert old["metrics"]["pictures"]["ours"]["psnr"] == pytest.approx(report.pictures["ours"].psnr)
    assert old["steps"] == 7
    load_weights(build("vae-old", "compact"), weights / "vae-old.safetensors")


def test_later_figures_replace_earlier_ones(weights: Path) -> None:
    path = weights / "detector.safetensors"
    add_metrics(path, {"first": 1})
    add_metrics(path, {"second": 2})
    assert read_card(path)["metrics"] == {"second": 2}


def test_a_file_that_is_not_the_cards_is_refused(weights: Path) -> None:
    path = weights / "detector.safetensors"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(WeightsError, match="card"):
        add_metrics(path, {})
