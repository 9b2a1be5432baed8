"""The part of the catalog that keeps it in order: flag rules, fixity, rebuilding.

Mixed into :class:`schemas.repository.Catalog`. Each method is one transaction, or says otherwise. The work is in
:mod:`schemas.rules`, :mod:`schemas.fixity` and :mod:`schemas.rebuild`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Engine

from schemas import fixity, rebuild, rules, session
from schemas.accounts import SYSTEM
from schemas.fixity import FixityPhoto, FixityResult
from schemas.rebuild_records import LostRuns, RebuiltPhoto, Taken
from schemas.records import ModelRecord
from schemas.rules import FlagCount, FlagRuleRecord


class UpkeepOperations:
    """What keeps a catalog in order."""

    engine: Engine

    # --- flag rules ---------------------------------------------------------------------------------------

    def flag_rules(self) -> list[FlagRuleRecord]:
        """Return the rules that were set in this catalog; they go before those of the program."""
        with session.read(self.engine) as connection:
            return rules.in_force(connection)

    def reflag(
        self,
        changed: Sequence[FlagRuleRecord],
        *,
        by: str = SYSTEM,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> list[FlagCount]:
        """Set these rules, apply them to stored measurements, and return how many photos each marks.

        Nothing is restored again. Open flags follow the rules; decisions stay. See
        :func:`schemas.rules.reflag`. Raises CatalogUseError.
        """
        with session.write(self.engine) as connection:
            rules.put(connection, changed, by)
        return rules.reflag(self.engine, changed, on_progress=on_progress)

    def withdraw_flag_rules(self, *, by: str = SYSTEM) -> None:
        """Let the rules that were set here go; flags that they raised stay until the next :meth:`reflag`."""
        with session.write(self.engine) as connection:
            rules.withdraw(connection, by)

    def calibrate(
        self,
        tried: Sequence[FlagRuleRecord],
        *,
        collection: str | None = None,
        run_id: int | None = None,
    ) -> tuple[int, list[FlagCount]]:
        """Return how many restored photos there are and how many each rule would mark; change nothing.

        Reads the measurements of all of them once. Raises CatalogUseError.
        """
        with session.read(self.engine) as connection:
            return rules.calibrate(connection, tried, collection=collection, run_id=run_id)

    # --- fixity -------------------------------------------------------------------------------------------

    def fixity_photos(
        self, *, collection: str | None = None, after: int = 0, limit: int = 200
    ) -> list[FixityPhoto]:
        """Return the next photos with the digests that their files should have. Raises CatalogUseError.

        ``after``: the last ``asset_id`` of the page before.
        """
        with session.read(self.engine) as connection:
            return fixity.page(connection, collection=collection, after=after, limit=limit)

    def record_fixity(self, results: Sequence[FixityResult]) -> None:
        """Record that these photos' files were checked: a PREMIS event each, in one transaction."""
        with session.write(self.engine) as connection:
            fixity.record(connection, results)

    # --- rebuilding ---------------------------------------------------------------------------------------

    def begin_rebuild(
        self,
        collection_id: int,
        recipe_sha256: str,
        document: str | None,
        models: Sequence[ModelRecord],
        destination: str,
        parameters: Mapping[str, Any],
    ) -> LostRuns:
        """Return what results are to be taken back for, its recipe recorded; see :mod:`schemas.rebuild`.

        ``parameters``: what is known of those of the runs that made them.
        """
        with session.write(self.engine) as connection:
            recipe = rebuild.recipe(connection, recipe_sha256, document, models)
        return LostRuns(collection_id, recipe, destination, parameters)

    def take_back(
        self, lost: LostRuns, run_id: int | None, photos: Sequence[RebuiltPhoto], *, by: str = SYSTEM
    ) -> Taken:
        """Record results of one recipe that the catalog does not have, and where the files of the others lie now.

        One transaction, with the counts of the run and an entry in the audit chain: it may be the last. ``run_id``:
        ``run`` of the batch before, None for the first.
        """
        with session.write(self.engine) as connection:
            return rebuild.take_back(connection, lost, run_id, photos, by)
