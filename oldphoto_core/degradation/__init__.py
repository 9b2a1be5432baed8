"""Ageing synthesis (section 4.2 of the method): sample a recipe, then apply it.

>>> import numpy as np
>>> from oldphoto_core.degradation import ARCHIVE_PROFILE, age, sample_recipe
>>> photo = np.full((64, 64, 3), 128, dtype=np.uint8)
>>> pair = age(photo, sample_recipe(7, ARCHIVE_PROFILE))
>>> pair.aged.shape, pair.mask.shape
((64, 64, 3), (64, 64))
"""

from __future__ import annotations

from oldphoto_core.degradation.library import DefectLibrary
from oldphoto_core.degradation.profiles import (
    ARCHIVE_PROFILE,
    PROFILES,
    SEED_PROFILE,
    DegradationProfile,
    sample_recipe,
)
from oldphoto_core.degradation.recipe import DegradationRecipe, Operation
from oldphoto_core.degradation.sheet import contact_sheet
from oldphoto_core.degradation.synthesize import AgedPhoto, age

__all__ = [
    "ARCHIVE_PROFILE",
    "PROFILES",
    "SEED_PROFILE",
    "AgedPhoto",
    "DefectLibrary",
    "DegradationProfile",
    "DegradationRecipe",
    "Operation",
    "age",
    "contact_sheet",
    "sample_recipe",
]
