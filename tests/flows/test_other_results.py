from __future__ import annotations

from pathlib import Path

import pytest

from flows.other_results import OtherResults
from storage import FolderStore

RECIPE = f"{'b' * 64}.json"
LATER = "0123456789ab"


def written(folder: Path, *keys: str) -> None:
    for key in keys:
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


@pytest.mark.parametrize(
    "recipe", [RECIPE, f"{LATER}/restored/a.png", f"{LATER}/contents/{LATER}/masks/a.png"]
)
@pytest.mark.parametrize(
    "foreign", ["@eaDir/x@SynoEAStream", "#recycle/b.json", "0 read me.txt", "Thumbs.db"]
)
def test_what_somebody_put_beside_a_recipe_makes_no_result_a_master(
    tmp_path: Path, recipe: str, foreign: str
) -> None:
    """Network storage and file managers leave their own files everywhere; they come before the recipe."""
    written(tmp_path, f"old/recipes/{recipe}", f"old/recipes/{foreign}", "old/restored/a.png")
    for made in ("restored/a.png", "masks/a.png", "probability/a.tif", "report.html", f"recipes/{RECIPE}"):
        assert OtherResults(FolderStore(tmp_path)).place_of(f"old/{made}") == "old/"


@pytest.mark.parametrize("scan", ["soup.tif", "202312311234/page 1.tif", "0123456789ab/soups/restored/1.tif"])
def test_scans_of_recipes_are_scans(tmp_path: Path, scan: str) -> None:
    written(tmp_path, f"cook book/recipes/{scan}", "cook book/restored/a.tif")
    others = OtherResults(FolderStore(tmp_path))
    assert others.place_of(f"cook book/recipes/{scan}") is None
    assert others.place_of("cook book/restored/a.tif") is None
