"""Whether a worker is the one that a run was planned for: the same software, and the same weights.

A worker loads both from its own machine, and again whenever it is started anew. A node of a cluster that was not
upgraded, or weights that were replaced while a run goes on, would make other pixels than the recipe says.
"""

from __future__ import annotations

import socket
import tomllib
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from actors.errors import EngineError
from actors.job import RestoreJob
from oldphoto_core.weights.cards import WeightsIdentity


def installed_code_version() -> str:
    """Return this project's version, from the installed package or else from ``pyproject.toml``."""
    try:
        return metadata.version("oldphoto")
    except metadata.PackageNotFoundError:
        project = Path(__file__).resolve().parents[1] / "pyproject.toml"
        return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])


def require_planned(job: RestoreJob, weights: Mapping[str, WeightsIdentity]) -> None:
    """Do nothing where this process has what ``job`` was planned with.

    Args:
        job: the run's instructions; without ``models`` nothing is compared.
        weights: whose weights were loaded, by network.

    Raises:
        EngineError: the software is of another version, or weights are others.
    """
    if not job.models:
        return
    found = installed_code_version()
    if found != job.code_version:
        raise EngineError(_told(f"oldphoto {found}", f"with oldphoto {job.code_version}"))
    for network, planned in job.models.items():
        loaded = weights[network].sha256 if network in weights else None
        if loaded != planned:
            raise EngineError(_told(f"{_weights(loaded)} for {network}", f"with {_weights(planned)}"))


def _told(found: str, planned: str) -> str:
    return (
        f"A worker on {socket.gethostname()} has {found}, and the run was planned {planned}. Install the same "
        "everywhere and run again; what was replaced while a run went on needs a new run only."
    )


def _weights(sha256: str | None) -> str:
    return f"weights {sha256[:12]}" if sha256 else "no weights"
