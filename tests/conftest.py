"""Tests run in several processes: what shares a costly server stays in one of them, and the longest goes first."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import pytest
import torch

from oldphoto_core.threads import cores

_TESTS = Path(__file__).parent
_TOGETHER = ("e2e", "flows", "review", "schemas")
"""Folders that begin a server once: Ray and Prefect by way of the command line, Prefect, a browser, PostgreSQL."""


def pytest_configure() -> None:
    """Let the processes share the cores: each library would take all of them, for each process."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    share = max(1, cores() // processes)
    torch.set_num_threads(share)
    cv2.setNumThreads(share)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Name the process that each test shares, and begin with what waits most: nobody waits for it in the end."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))
    items.sort(key=_place)


def _group(item: pytest.Item) -> str:
    """Return the folder, where its tests share a server, or else the file."""
    path = item.path.relative_to(_TESTS)
    return path.parts[0] if path.parts[0] in _TOGETHER else str(path)


def _place(item: pytest.Item) -> int:
    group = _group(item)
    return _TOGETHER.index(group) if group in _TOGETHER else len(_TOGETHER)
