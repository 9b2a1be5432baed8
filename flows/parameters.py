"""What a run may be told, and what holds where nothing is said: the one place for both.

Imports nothing: the command line needs it for ``--help``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RestoreParameters:
    """The parameters of one `restore-archive` run, as they were given; see the flow for their meaning."""

    source: str
    destination: str
    catalog: str | None = None
    collection: str | None = None
    profile: str = "archive"
    tier: str = "enhanced"
    device: str = "auto"
    limit: int | None = None
    dry_run: bool = False
    manifest: str | None = None
    keep_tiers: bool = False
    weights: str | None = None
    config: str = "compact"
    executor: str = "ray"
    memory: float = 3.0
    workers: int | None = None
    retry: bool = False
