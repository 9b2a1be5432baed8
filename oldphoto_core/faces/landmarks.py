"""What five landmarks of a face are."""

from __future__ import annotations

Point = tuple[float, float]
Landmarks = tuple[Point, ...]
"""The eye at the picture's left, the eye at its right, nose, the mouth corner at the left, at the right; (x, y) in
pixel-centre coordinates. Empty where they are not known."""
