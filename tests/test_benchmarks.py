"""Benchmarks measure what they say, and do no work twice."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks import ablations, common


def test_the_load_is_that_of_before_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    before = common.machine()["load_before"]
    monkeypatch.setattr(os, "getloadavg", lambda: (before + 5, 0.0, 0.0))
    assert common.machine()["load_before"] == before


@pytest.mark.parametrize(
    ("name", "trained"),
    [
        ("whole", ["vae-old", "vae-clean", "mapping"]),
        ("no-nonlocal", ["mapping"]),
        ("no-alignment", ["vae-old", "vae-clean", "mapping"]),
        ("no-vae", ["vae-old", "vae-clean", "mapping"]),
    ],
)
def test_a_network_that_is_shared_is_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, trained: list[str]
) -> None:
    """Which trainings are begun is what is asked here; none is run, because each takes minutes."""
    begun: list[str] = []

    def begin(network: str, data: Path, out: Path, options: list[str]) -> None:
        begun.append(network)
        for ending in (".safetensors", ".json"):
            out.with_suffix(ending).write_text(f"{network} of {out.parent.name}")

    monkeypatch.setattr(ablations, "_train", begin)
    ablations.train(ablations.WHOLE, {}, tmp_path, tmp_path, 2)
    begun.clear()
    ablations.train(name, ablations.VARIANTS[name], tmp_path, tmp_path, 2)
    assert begun == trained
    shared = (tmp_path / name / "vae-old.safetensors").read_text()
    assert shared == f"vae-old of {ablations.WHOLE if 'vae-old' not in trained else name}"
