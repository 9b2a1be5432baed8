"""What is installed beside this program, against what it asks for."""

from __future__ import annotations

from importlib import metadata

from packaging.requirements import Requirement

NAME = "oldphoto"
OPENCV_WHEELS = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)


def version_of(name: str) -> str | None:
    """Return the installed version of a distribution, None where there is none."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def requirements() -> list[Requirement]:
    """Return what the program asks for, without its extras; nothing where it runs uninstalled, from its source."""
    try:
        asked = [Requirement(line) for line in metadata.requires(NAME) or ()]
    except metadata.PackageNotFoundError:
        return []
    return [one for one in asked if one.marker is None or one.marker.evaluate({"extra": ""})]


def fits(requirement: Requirement, version: str) -> bool:
    """Say whether a version is one that was asked for; one made before a release counts as it."""
    return requirement.specifier.contains(version, prereleases=True)


def opencv_wheels() -> list[str]:
    """Return the OpenCV wheels that are installed: each brings the same files."""
    return [name for name in OPENCV_WHEELS if version_of(name) is not None]
