"""A dry run says what the next run then finds, whatever has become of the photos before."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from flows.progress import listening
from flows.recording import recorded_run
from flows.rehearsal import rehearse
from flows.request import RestoreRequest
from flows.summary import RunSummary, summarise
from flows.workplace import ingest_of, open_workplace
from oldphoto_core.errors import StorageError
from schemas.records import OutcomeRecord
from storage import FolderStore
from tests.flows.ears import Ears
from tests.flows.material import write_broken, write_photos

KEYS = tuple(f"{letter}.png" for letter in "abcdefghijklmnop")
BYTES = ("one scan", "another scan", "unreadable", "broken", "gone")
MANIFESTS = ("names it", "contradicts it", "leaves it out")
ENDS: dict[str, dict[str, str] | None] = {
    "killed": None,
    "done": {"outcome": "done"},
    "skipped": {"outcome": "skipped"},
    "failed": {"outcome": "failed", "error_class": "ValueError"},
    "destination": {"outcome": "failed", "error_class": "DestinationError"},
    "changed": {"outcome": "quarantined", "error_class": "fixity"},
    "worker": {"outcome": "quarantined", "error_class": "worker-killed"},
}


class Photo(NamedTuple):
    """What one run meets of a photo, and what becomes of it there."""

    holds: str
    manifest: str
    end: str


class Night(NamedTuple):
    """One run: its photos in the order of their keys (None: as the night before), what it is asked for, and whether
    it gets to work.
    """

    photos: tuple[Photo | None, ...]
    manifest: bool
    retry: bool
    limit: int | None
    works: bool


PHOTO = st.builds(
    Photo,
    st.sampled_from(("one scan", "one scan", "broken", *BYTES)),
    st.sampled_from(("contradicts it", *MANIFESTS)),
    st.sampled_from(("failed", "failed", "failed", *ENDS)),
)
NIGHT = st.builds(
    Night,
    # Mostly as before: a photo has to fail three times to be given up, and to be refused twice to be left alone.
    st.tuples(*[st.one_of(st.none(), st.none(), st.none(), PHOTO)] * len(KEYS)),
    st.booleans(),
    st.sampled_from((False, False, False, True)),
    st.sampled_from((None, None, 10)),
    st.sampled_from((True, True, True, False)),
)


class Archive:
    """A source whose files change from night to night, and what the disk does not give out."""

    def __init__(self, folder: Path, weights: Path) -> None:
        self.scans, self.manifest = folder / "scans", folder / "manifest"
        self.scans.mkdir()
        made = [*write_photos(folder / "made", 3, width=24, height=16), write_broken(folder / "made")[0]]
        self.bytes = dict(zip(BYTES, (path.read_bytes() for path in made), strict=False))
        self.photos = dict.fromkeys(KEYS, Photo("one scan", "names it", "failed"))
        self.request = RestoreRequest(
            str(self.scans), str(folder / "archive"), weights=str(weights), executor="inline"
        )

    def become(self, night: Night) -> RestoreRequest:
        """Let the files be as the night meets them; return what it is asked for."""
        self.photos |= {key: new for key, new in zip(KEYS, night.photos, strict=True) if new is not None}
        lines = []
        for key, photo in self.photos.items():
            path, data = self.scans / key, self.bytes.get(photo.holds)
            if data is None:
                path.unlink(missing_ok=True)
                continue
            # What has the size and the time that are known is not read again.
            if not path.exists() or path.read_bytes() != data:
                path.write_bytes(data)
            digest = "0" * 64 if photo.manifest == "contradicts it" else hashlib.sha256(data).hexdigest()
            lines += [f"{digest}  {key}\n"] if photo.manifest != "leaves it out" else []
        self.manifest.write_text("".join(lines))
        manifest = str(self.manifest) if night.manifest and lines else None
        return replace(self.request, manifest=manifest, retry=night.retry, limit=night.limit)

    def run(self, request: RestoreRequest, works: bool) -> tuple[RunSummary, int]:
        """Make the run, apart from the networks; return its numbers as they are before any photo is worked on."""
        with open_workplace(request) as place, recorded_run(place, None) as run:
            ingest, catalog = ingest_of(request, place.source), place.catalog
            found = ingest.run(catalog, run.collection_id, run.id, limit=request.limit)
            catalog.plan(run.collection_id, run.recipe_id, run.id, request.limit, retry=request.retry)
            counts, given_up = catalog.counts(run.id), catalog.given_up(run.id)
            for page in catalog.iter_pending(run.id) if works else ():
                ends = [(item.work_item_id, ENDS[self.photos[item.key].end]) for item in page]
                ended = [OutcomeRecord(item, **end) for item, end in ends if end is not None]
                catalog.record_outcomes(run.id, ended)
        return summarise(None, place.decision.recipe.sha256, counts, 0.0, found.remarks), given_up


# Finding a smaller example would take minutes.
@settings(max_examples=6, deadline=None, phases=(Phase.reuse, Phase.generate))
@given(nights=st.lists(NIGHT, min_size=4, max_size=5))
def test_a_dry_run_foretells_the_next_run(
    nights: list[Night], tmp_path_factory: pytest.TempPathFactory, weights: Path
) -> None:
    archive = Archive(tmp_path_factory.mktemp("nights"), weights)
    read = FolderStore.read

    def failing(store: FolderStore, key: str, max_bytes: int | None = None) -> bytes:
        if key in KEYS and archive.photos[key].holds == "unreadable":
            raise StorageError(f"{key} cannot be read: the disk fails.")
        return read(store, key, max_bytes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FolderStore, "read", failing)
        for night in nights:
            request = archive.become(night)
            ears = Ears()
            with listening(ears):
                foretold = rehearse(request)
            planned, given_up = archive.run(request, night.works)
            assert {**foretold, "seconds": 0.0} == {**planned, "seconds": 0.0}
            assert ears.details[0].given_up == given_up
