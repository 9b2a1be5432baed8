"""What is decided before a run: which networks' weights, which tier, which recipe."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from actors.errors import EngineError
from actors.restorer import shipped_restorer
from flows.request import RestoreRequest
from flows.workplace import decide, open_workplace
from oldphoto_core.errors import UsageError
from oldphoto_core.models.build import build
from oldphoto_core.weights.face_detector import install
from oldphoto_core.weights.installed import NETWORKS
from oldphoto_core.weights.store import save_weights
from tests.bright_faces import write_bright_faces

CARD = {"name": "test", "version": "0", "licence": "none"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights for every network."""
    folder = tmp_path_factory.mktemp("whole")
    torch.manual_seed(1)
    for name in NETWORKS:
        save_weights(build(name, "compact"), folder / f"{name}.safetensors", CARD)
    return folder


@pytest.mark.parametrize("network", NETWORKS)
def test_other_weights_of_any_network_are_another_recipe(
    request_: RestoreRequest, whole: Path, tmp_path: Path, network: str
) -> None:
    other = shutil.copytree(whole, tmp_path / "other")
    torch.manual_seed(2)
    save_weights(build(network, "compact"), other / f"{network}.safetensors", CARD)
    before, after = (decide(replace(request_, weights=str(folder))) for folder in (whole, other))
    assert before.tier == after.tier == "enhanced"
    assert before.stages_off == after.stages_off == ()
    assert before.recipe.sha256 != after.recipe.sha256


def test_other_weights_for_faces_are_no_other_recipe_where_faces_are_left_alone(
    request_: RestoreRequest, whole: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(whole, tmp_path / "other")
    torch.manual_seed(2)
    save_weights(build("faces", "compact"), other / "faces.safetensors", CARD)
    first, second = (decide(replace(request_, weights=str(f), tier="restored")) for f in (whole, other))
    assert first.recipe.sha256 == second.recipe.sha256


@pytest.mark.parametrize("tier", ["conserved", "enhanced"])
def test_what_finds_the_faces_is_part_of_every_recipe(
    request_: RestoreRequest, tmp_path: Path, tier: str
) -> None:
    model, decisions = write_bright_faces(tmp_path / "model.onnx"), []
    for version in ("1", "2"):
        install(model, tmp_path / "own", version=version, licence="MIT")
        decisions.append(decide(replace(request_, weights=str(tmp_path / "own"), tier=tier)))
    for part in ("face-detector.onnx", "face-detector.json"):
        (tmp_path / "own" / part).unlink()
    without = decide(replace(request_, weights=str(tmp_path / "own"), tier=tier))
    assert len({one.recipe.sha256 for one in (*decisions, without)}) == 3
    assert decisions[0].recipe.models["face-detector"].licence == "MIT"
    assert decisions[0].stages_off == without.stages_off == ()
    assert decisions[0].digests["face-detector"] != without.digests["face-detector"]


def test_a_gpu_that_is_not_there_is_told_before_anything_begins(request_: RestoreRequest) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(UsageError, match="CUDA"):
        decide(replace(request_, device="cuda"))


def test_a_clusters_gpu_is_not_looked_for_here(
    request_: RestoreRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    on_cluster = replace(request_, device="cuda", executor="ray")
    assert decide(on_cluster).recipe.sha256 == decide(request_).recipe.sha256


def test_a_worker_with_other_software_or_weights_refuses_to_work(
    request_: RestoreRequest, scans: Path
) -> None:
    with open_workplace(request_) as place:
        job = place.job
    assert shipped_restorer(job).available_tiers
    with pytest.raises(EngineError, match=r"has oldphoto .*planned with oldphoto 0\.0\.1"):
        shipped_restorer(replace(job, code_version="0.0.1"))
    # The run was planned without a network that this worker has.
    with pytest.raises(EngineError, match="for mapping, and the run was planned with no weights"):
        shipped_restorer(replace(job, models={**job.models, "mapping": None}))
    # … and with another.
    with pytest.raises(
        EngineError, match=r"has weights .* for face-detector, and the run was planned with weights 0000"
    ):
        shipped_restorer(replace(job, models={**job.models, "face-detector": "0" * 64}))
