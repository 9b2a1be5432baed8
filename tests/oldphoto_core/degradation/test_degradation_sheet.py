from __future__ import annotations

import numpy as np

from oldphoto_core.degradation import ARCHIVE_PROFILE, age, contact_sheet, sample_recipe


def test_a_sheet_shows_every_triple_and_never_enlarges() -> None:
    photo = np.full((40, 60, 3), 200, dtype=np.uint8)
    pairs = [age(photo, sample_recipe(seed, ARCHIVE_PROFILE)) for seed in range(3)]
    sheet = contact_sheet([(p.clean, p.aged, p.mask) for p in pairs], side=64, columns=2)
    assert sheet.dtype == np.uint8
    assert sheet.shape == (2 * (64 + 4), 2 * 3 * (64 + 4), 3)


def test_an_empty_sheet_is_still_a_picture() -> None:
    assert contact_sheet([], side=32).shape == (32, 32, 3)
