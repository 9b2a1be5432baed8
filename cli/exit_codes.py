"""What the exit code of a command says; docs/operating.md has the table."""

from __future__ import annotations

from typing import Final

EXIT_FAILED: Final = 1
"""The command itself failed, or left something that another run took over."""
EXIT_USAGE: Final = 2
EXIT_INCOMPLETE: Final = 3
"""Everything was looked at and recorded, and something is not as it should be."""
EXIT_INTERRUPTED: Final = 130
