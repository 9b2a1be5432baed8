"""Importing without the collector: it is off meanwhile, on again afterwards, and nothing is imported twice."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from oldphoto_core.imports import import_uncollected, uncollected


def test_the_collector_is_off_meanwhile_and_on_again_even_after_an_error() -> None:
    seen = []

    def fails() -> None:
        with uncollected():
            seen.append(gc.isenabled())
            raise ImportError

    assert gc.isenabled()
    with pytest.raises(ImportError):
        fails()
    assert seen == [False]
    assert gc.isenabled()


def test_what_was_off_stays_off() -> None:
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_only_the_first_import_leaves_objects_out_of_later_searches() -> None:
    program = (
        "import gc, sys; from oldphoto_core.imports import import_uncollected; counts = []\n"
        "for _ in range(2): import_uncollected('xml.dom.minidom'); counts.append(gc.get_freeze_count())\n"
        "print('xml.dom.minidom' in sys.modules, counts[0] > 0, counts[1] - counts[0])"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "True", "0"]


def test_a_module_that_is_not_there_is_an_import_error() -> None:
    with pytest.raises(ImportError):
        import_uncollected("no_such_module_anywhere")
