"""Networks compute in bfloat16 where the device does, and only there: emulated, it takes ten times as long."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from oldphoto_core import processor
from oldphoto_core.detection.detector import DefectDetector
from oldphoto_core.latent.translator import LatentTranslator
from oldphoto_core.models.build import build_autoencoder, build_detector, build_mapping
from oldphoto_core.models.layers import ResBlock
from oldphoto_core.photo import Tier
from oldphoto_core.restore import load_restorer
from oldphoto_core.settings import RestoreSettings

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("listed", "there"),
    [({"avx2", "fma"}, False), ({"avx512f", "avx512_bf16"}, True), ({"amx_bf16"}, True), ({"bf16"}, True)],
)
def test_bfloat16_is_told_by_the_processors_features(
    listed: set[str], there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processor, "features", lambda: frozenset(listed))
    assert processor.computes_in_bfloat16() is there


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="only Linux lists them")
def test_features_are_read_as_listed() -> None:
    found = processor.features()
    assert found
    assert all(feature and not feature.isspace() for feature in found)
    assert found <= set(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split())


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("wanted", [False, True])
def test_networks_compute_in_bfloat16_where_it_is_wanted_and_there(
    wanted: bool, there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processor, "computes_in_bfloat16", lambda: there)
    settings = RestoreSettings(autocast=wanted)
    detector = DefectDetector(build_detector("compact"), settings, CPU)
    translator = LatentTranslator(
        build_autoencoder("compact"), build_mapping("compact"), build_autoencoder("compact"), settings, CPU
    )
    expected = torch.bfloat16 if wanted and there else torch.float32
    assert {weights.dtype for weights in detector.network.state_dict().values()} == {expected}
    blocks = [block for block in translator.clean.modules() if isinstance(block, ResBlock)]
    assert blocks
    assert all(block.rounded is (wanted and there) for block in blocks)
    latents = torch.zeros(1, translator.old.encoder.to_latent.out_channels, 8, 8)
    formats = set()
    translator.mapping.rise.register_forward_hook(lambda _, __, made: formats.add(made.dtype))
    with torch.inference_mode():
        translator._decoded(latents, None)
    assert formats == {expected}


def test_both_formats_give_the_same_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped networks on a small worn photo: within a level on average, whatever the processor computes in."""
    rng = np.random.default_rng(3)
    scene = cv2.resize(
        rng.integers(40, 215, (6, 8, 3)).astype(np.float32), (128, 96), interpolation=cv2.INTER_CUBIC
    )
    pixels = np.clip(scene + rng.normal(0, 14, scene.shape), 0, 255).astype(np.uint8)
    mask = np.zeros((96, 128), bool)
    mask[20:76, 60:63] = True
    made = []
    for there in (False, True):
        monkeypatch.setattr(processor, "computes_in_bfloat16", lambda there=there: there)
        made.append(
            load_restorer(device="cpu").restore(pixels, mask=mask, tier=Tier.RESTORED).image.astype(int)
        )
    difference = np.abs(made[0] - made[1])
    assert np.abs(made[0] - pixels)[~mask].mean() > 3
    assert 0 < difference.mean() < 1
    assert np.quantile(difference, 0.99) <= 4
