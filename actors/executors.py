"""Who works on photos: Ray's workers, or this process itself."""

from __future__ import annotations

from typing import Literal

Executor = Literal["ray", "inline"]
EXECUTORS: tuple[Executor, ...] = ("ray", "inline")
