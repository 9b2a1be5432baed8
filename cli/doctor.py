"""``oldphoto doctor``: what this machine has and what it lacks, before a job finds out at night.

Each check is a function that returns findings; a finding is ``ok``, a ``note`` (works, but know this) or a
``problem`` (something will not work). The exit code is 1 when there is a problem.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal

import typer
from packaging.requirements import Requirement

from cli import installed
from cli.environment import check_home
from cli.exit_codes import EXIT_FAILED
from cli.prefect_server import server_is_configured
from oldphoto_core import processor

Level = Literal["ok", "note", "problem"]

LOW_DISK_BYTES = 5 * 1024**3
LOW_MEMORY_BYTES = 4 * 1024**3


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; ``remedy`` says what to do where ``level`` is not ``ok``."""

    check: str
    level: Level
    found: str
    remedy: str = ""


def register(app: typer.Typer) -> None:
    """Add ``doctor`` to the command line."""

    @app.command()
    def doctor(
        as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
        folder: Annotated[Path, typer.Option(help="Folder whose free space counts.")] = Path("."),
    ) -> None:
        """Say what this machine has and what it lacks."""
        findings = examine(folder)
        problems = sum(finding.level == "problem" for finding in findings)
        if as_json:
            print(json.dumps({"ok": not problems, "findings": [asdict(finding) for finding in findings]}))
        else:
            _print_table(findings)
        raise typer.Exit(EXIT_FAILED if problems else 0)


def examine(folder: Path) -> list[Finding]:
    """Run every check and return all findings, in the order in which a person would ask."""
    checks: tuple[Callable[[], list[Finding]], ...] = (
        check_python,
        check_packages,
        lambda: check_opencv(installed.opencv_wheels()),
        check_processors,
        check_memory,
        check_accelerator,
        check_weights,
        check_postgresql,
        check_files_of_engines,
        lambda: check_disk(folder),
    )
    return [finding for check in checks for finding in check()]


def check_python() -> list[Finding]:
    """Which Python runs this; an older one than 3.11 would not have come so far."""
    return [Finding("python", "ok", f"{platform.python_version()} ({sys.executable})")]


def check_packages() -> list[Finding]:
    """Every package that the program asks for is there, in a version that it works with."""
    own = installed.version_of(installed.NAME)
    if own is None:
        remedy = "The packages beside it are not checked: `pip install .` says what it needs."
        return [Finding("oldphoto", "note", "runs from its source, not installed", remedy)]
    return [Finding("oldphoto", "ok", own), *map(check_requirement, installed.requirements())]


def check_requirement(requirement: Requirement) -> Finding:
    """Look at one package; versions that do not fit may install without complaint and then not work."""
    check, version = f"package {requirement.name}", installed.version_of(requirement.name)
    remedy = f"pip install '{requirement}'"
    if version is None:
        return Finding(check, "problem", "not installed", remedy)
    if not installed.fits(requirement, version):
        return Finding(check, "problem", f"{version}, needed is {requirement.specifier}", remedy)
    return Finding(check, "ok", version)


def check_opencv(wheels: Sequence[str]) -> list[Finding]:
    """Find OpenCV installed more than once, which every installer allows."""
    if len(wheels) < 2:
        return []
    remedy = "They overwrite each other's files: uninstall all, then install opencv-python-headless."
    return [Finding("opencv", "problem", f"{' and '.join(wheels)} together", remedy)]


def check_processors() -> list[Finding]:
    """Processor cores that this process may use, and whether they compute in bfloat16."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if processor.computes_in_bfloat16():
        bf16 = Finding("cpu bfloat16", "ok", "in hardware")
    else:
        bf16 = Finding("cpu bfloat16", "note", "not in hardware", "Restoring on the CPU computes in float32.")
    return [Finding("cpu", "ok", f"{count} cores, {platform.machine()}"), bf16]


def check_memory() -> list[Finding]:
    """Memory, limited by the container where there is one."""
    total = memory_bytes()
    if total is None:
        return [Finding("memory", "note", "unknown on this system")]
    found = f"{total / 1024**3:.1f} GiB"
    if total < LOW_MEMORY_BYTES:
        return [
            Finding("memory", "note", found, "Large scans may not fit: 4 GiB is the least that is useful.")
        ]
    return [Finding("memory", "ok", found)]


def memory_bytes() -> int | None:
    """Return the memory that this process may use, or None where the system does not say."""
    limits = []
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        path = Path(name)
        if path.exists() and (text := path.read_text(encoding="ascii").strip()).isdigit():
            limits.append(int(text))
    return min(limits) if limits else None


def check_accelerator() -> list[Finding]:
    """A CUDA device, and whether it computes in bfloat16."""
    if importlib.util.find_spec("torch") is None:
        return [Finding("gpu", "note", "unknown: torch is not installed")]
    import torch

    if not torch.cuda.is_available():
        return [Finding("gpu", "note", "none", "Everything runs on the CPU, many times slower.")]
    findings = []
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        found = f"{properties.name}, {properties.total_memory / 1024**3:.0f} GiB"
        findings.append(Finding(f"gpu {index}", "ok", found))
    if torch.cuda.is_bf16_supported(including_emulation=False):
        findings.append(Finding("gpu bfloat16", "ok", "in hardware"))
    else:
        found = "not in hardware"
        findings.append(Finding("gpu bfloat16", "note", found, "Restoring on this GPU computes in float32."))
    return findings


def check_postgresql() -> list[Finding]:
    """PostgreSQL's own programs and its driver; only a catalog on PostgreSQL needs them."""
    findings = []
    found = _postgres_program("pg_dump")
    if found:
        findings.append(Finding("postgresql programs", "ok", found))
    else:
        remedy = "Only needed to back up a PostgreSQL catalog: install postgresql-client."
        findings.append(Finding("postgresql programs", "note", "not found", remedy))
    if importlib.util.find_spec("psycopg") is None:
        remedy = "Needed for a postgresql:// catalog: pip install 'oldphoto[postgres]'."
        findings.append(Finding("postgresql driver", "note", "not installed", remedy))
    else:
        findings.append(Finding("postgresql driver", "ok", f"psycopg {metadata.version('psycopg')}"))
    return findings


def _postgres_program(name: str) -> str | None:
    """Return the program's path; Debian keeps it off the PATH."""
    beside = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return shutil.which(name) or (str(beside[0]) if beside else None)


def check_files_of_engines() -> list[Finding]:
    """Prefect and Ray can keep their files in the user's home."""
    from actors.errors import EngineError

    try:
        check_home("ray", own_server=not server_is_configured())
    except EngineError as error:
        found, _, remedy = str(error).partition(". ")
        return [Finding("home", "problem", found, remedy)]
    return [Finding("home", "ok", "Prefect and Ray can keep their files")]


def check_disk(folder: Path) -> list[Finding]:
    """Free space where results or the object store would be written."""
    place = folder.resolve()
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        remedy = "Make the folder, or name another with --folder."
        return [Finding("disk", "problem", f"{place}: {error.strerror}", remedy)]
    found = f"{free / 1024**3:.1f} GiB free at {place}"
    if free < LOW_DISK_BYTES:
        return [Finding("disk", "note", found, "A derivative is about as large as its master: make room.")]
    return [Finding("disk", "ok", found)]


def check_weights() -> list[Finding]:
    """Which stages have trained weights; loading them checks each file's SHA-256 against its model card."""
    from oldphoto_core.errors import WeightsError

    try:
        from oldphoto_core.restore import load_restorer
        from oldphoto_core.weights.installed import NETWORKS, REQUIRED

        restorer = load_restorer(device="cpu")
    except ImportError as error:
        return [Finding("weights", "problem", f"cannot be loaded: {error}", "Install the missing package.")]
    except WeightsError as error:
        return [Finding("weights", "problem", str(error), "Restore the weights' files from the release.")]
    findings = []
    for stage in NETWORKS:
        identity = restorer.weights.get(stage)
        if identity is None:
            effect = "Nothing can be restored" if stage in REQUIRED else "The stage is off"
            remedy = f"{effect} until `oldphoto train {stage}` has made weights for it."
            findings.append(Finding(f"weights {stage}", "note", "none", remedy))
        else:
            found = f"{identity.name} {identity.version}, sha256 {identity.sha256[:12]} checked"
            findings.append(Finding(f"weights {stage}", "ok", found))
    if restorer.translator is not None and restorer.translator.domain is None:
        remedy = (
            "The flag latent-distance is not raised until `oldphoto train latent-domain` has measured it."
        )
        findings.append(Finding("latent domain", "note", "none", remedy))
    if not restorer.available_tiers:
        remedy = f"Nothing can be restored without {', '.join(REQUIRED)}: install a release with weights."
        findings.append(Finding("tiers", "problem", "none available", remedy))
    else:
        findings.append(Finding("tiers", "ok", ", ".join(tier.value for tier in restorer.available_tiers)))
    return findings


def _print_table(findings: list[Finding]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    colours = {"ok": "green", "note": "yellow", "problem": "bold red"}
    table = Table(show_header=True, header_style="bold")
    table.add_column("check", no_wrap=True)
    for title in ("", "found", "remedy"):
        table.add_column(title, overflow="fold")
    for finding in _condensed(findings):
        colour = colours[finding.level]
        table.add_row(
            escape(finding.check),
            f"[{colour}]{finding.level}[/]",
            escape(finding.found),
            escape(finding.remedy),
        )
    Console().print(table)


def _condensed(findings: list[Finding]) -> list[Finding]:
    """Return the findings with all packages that are simply there in one line."""
    there = [one for one in findings if one.check.startswith("package ") and one.level == "ok"]
    rest = [one for one in findings if one not in there]
    if not there:
        return rest
    versions = ", ".join(f"{one.check.removeprefix('package ')} {one.found}" for one in there)
    return [rest[0], Finding("packages", "ok", versions), *rest[1:]]
