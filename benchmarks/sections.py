"""Parts of a benchmark on a device that may fail one by one, and how long a call takes there."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from typing import Any

import cv2
import torch

from oldphoto_core.errors import OldPhotoError

_FAILURES = (RuntimeError, MemoryError, AttributeError, TypeError, ValueError, cv2.error, OldPhotoError)


def section(name: str, measure: Callable[[], Any]) -> Any:
    """Return what ``measure`` returns; if the device or its memory fails it, the message."""
    began = time.perf_counter()
    try:
        result = measure()
    except (
        RuntimeError,
        MemoryError,
        AttributeError,
        TypeError,
        ValueError,
        cv2.error,
        OldPhotoError,
    ) as error:
        result = {"failed": f"{type(error).__name__}: {error}"[:600]}
    # After some errors the device refuses this as well.
    with contextlib.suppress(RuntimeError):
        torch.cuda.empty_cache()
    print(f"{name} ({time.perf_counter() - began:.1f} s): {result}", file=sys.stderr, flush=True)
    return result


def seconds_of(call: Callable[[], Any], device: torch.device, repeats: int = 10) -> float:
    """Return the mean seconds of a call, after two to warm up."""
    cuda = device.type == "cuda"
    for _ in range(2 if cuda else 1):
        call()
    if cuda:
        torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(repeats if cuda else 1):
        call()
    if cuda:
        torch.cuda.synchronize()
    return (time.perf_counter() - began) / (repeats if cuda else 1)
