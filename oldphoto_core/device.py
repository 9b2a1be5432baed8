"""Which device the networks run on."""

from __future__ import annotations

import torch

from oldphoto_core.errors import UsageError


def pick_device(name: str) -> torch.device:
    """Return the device for ``auto``, ``cpu`` or ``cuda``.

    Raises:
        UsageError: an unknown name, or ``cuda`` where torch sees no GPU.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise UsageError(f"No device is called {name!r}. Choose auto, cpu or cuda.")
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise UsageError("torch sees no CUDA device. Choose --device cpu, or install a CUDA build of torch.")
    return torch.device("cuda" if available and name != "cpu" else "cpu")
