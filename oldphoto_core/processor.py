"""What the processor computes itself, without emulation. Knows no torch, so that asking costs nothing."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""As Linux calls it on x86 and on Arm; each alone is enough."""


@cache
def features() -> frozenset[str]:
    """Return the features that Linux lists for the processor; none on another system."""
    listed = Path("/proc/cpuinfo")
    if not listed.exists():
        return frozenset()
    for line in listed.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith(("flags", "Features")):
            return frozenset(line.partition(":")[2].split())
    return frozenset()


def computes_in_bfloat16() -> bool:
    """Say whether the processor multiplies in bfloat16: where it does not, emulation takes ten times as long."""
    return bool(_BFLOAT16 & features())
