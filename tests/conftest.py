"""Tests run in several processes: what shares a costly server stays in one of them, and the longest goes first."""

from __future__ import annotations

import os

import cv2
import pytest
import torch
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from oldphoto_core.threads import cores

_TOGETHER = ("e2e", "flows", "review", "schemas")
"""Folders that begin a server once: Ray and Prefect by way of the command line, Prefect, a browser, PostgreSQL."""


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores, up to four: the longest tests wait for other programs often."""
    return min(4, cores() + 1)


def pytest_configure() -> None:
    """Let the processes share the cores: each library would take all of them, for each process."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    share = max(1, cores() // processes)
    torch.set_num_threads(share)
    cv2.setNumThreads(share)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what waits most: nobody then waits for it in the end."""
    items.sort(key=lambda item: _place(item.nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Hand out folders that share a server as wholes, all else by files."""
    return _ByServer(config, log)


class _ByServer(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid)


def _group(nodeid: str) -> str:
    path = nodeid.partition("::")[0]
    folder = path.removeprefix("tests/").partition("/")[0]
    return folder if folder in _TOGETHER else path


def _place(nodeid: str) -> int:
    group = _group(nodeid)
    return _TOGETHER.index(group) if group in _TOGETHER else len(_TOGETHER)
