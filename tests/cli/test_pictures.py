"""Law: a picture that cannot be written is told as that, with what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cli.pictures import check_picture, write_picture
from oldphoto_core.errors import StorageError
from tests.full_disk import no_file_larger_than


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    path = tmp_path / "new" / "sheet.PNG"
    check_picture(path)
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    with (
        no_file_larger_than(1000),
        pytest.raises(StorageError, match=r"sheet\.PNG cannot be written .*space"),
    ):
        write_picture(path, noise)
    write_picture(path, noise)
    assert path.stat().st_size > 1000
