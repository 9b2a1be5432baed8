"""What a run will need is imported beside Prefect's start."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from cli.environment import import_meanwhile
import_meanwhile({executor!r}).join()
print("torch" in sys.modules, "ray" in sys.modules)
"""


@pytest.mark.parametrize(("executor", "expected"), [("ray", "True True"), ("inline", "True False")])
def test_a_run_finds_imported_what_its_executor_needs(executor: str, expected: str) -> None:
    program = [sys.executable, "-c", PROGRAM.format(executor=executor)]
    assert subprocess.run(program, check=True, capture_output=True, text=True).stdout.strip() == expected
