"""Everything that a run works with, opened and decided once: stores, catalog, recipe, tier.

The recipe is decided here, before anything is planned, from the weights' cards: which device a worker uses must
not change what the recipe is called, and torch is imported in the workers only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from actors.identity import installed_code_version
from actors.job import RestoreJob
from flows.ingest import Ingest
from flows.manifest import Manifest
from flows.profiles import TIER_ORDER, Profile, highest_allowed, profile_named, tier_named
from flows.recipe import Recipe, WeightsLike, build_recipe
from flows.request import RestoreRequest
from oldphoto_core.errors import UsageError, WeightsError
from oldphoto_core.photo import Tier
from oldphoto_core.provision import find_provision
from oldphoto_core.weights.cards import FACE_DETECTOR
from oldphoto_core.weights.installed import REQUIRED
from schemas.records import ModelRecord
from schemas.repository import Catalog
from storage import Store, open_store
from storage.places import local_path

_TRANSLATION = ("detector", "fading", "tone", "vae-old", "vae-clean", "mapping")
STAGES_OF_TIER: dict[Tier, tuple[str, ...]] = {
    Tier.CONSERVED: _TRANSLATION,
    Tier.RESTORED: _TRANSLATION,
    Tier.ENHANCED: (*_TRANSLATION, "faces"),
}
"""Which stages take part in making a tier: only their weights are part of its recipe."""

_EFFECT_OF_MISSING: dict[str, str] = {
    "fading": "faded photographs stay faded",
    "tone": "colours that shifted stay shifted",
    "faces": "faces are not refined; the highest tier is restored",
}


@dataclass(frozen=True)
class Decision:
    """What will be made, and with what: decided by the request, the profile and the weights that exist.

    ``stages_off`` names the stages that the wanted tier would use and that have no trained weights.
    """

    profile: Profile
    tier: Tier
    recipe: Recipe
    stages_off: tuple[str, ...]

    @property
    def digests(self) -> dict[str, str | None]:
        """The SHA-256 of the weights of each network that takes part; None where it has none."""
        models = self.recipe.models
        return {name: models[name].sha256 if name in models else None for name in _taking_part(self.tier)}


@dataclass(frozen=True)
class Workplace:
    """A run's surroundings, opened."""

    request: RestoreRequest
    decision: Decision
    source: Store
    destination: Store
    catalog: Catalog

    @property
    def models(self) -> list[ModelRecord]:
        """The recipe's models as the catalog records them."""
        weights = self.decision.recipe.models.values()
        return [ModelRecord(one.name, one.version, one.sha256, one.licence) for one in weights]

    @property
    def job(self) -> RestoreJob:
        """The instructions for the stages."""
        return RestoreJob(
            source=self.source.uri,
            destination=self.destination.uri,
            recipe_id=self.decision.recipe.sha256,
            tier=self.decision.tier,
            keep_tiers=self.request.keep_tiers,
            device=self.request.device,
            config=self.request.config_name,
            weights=self.request.weights_folder,
            settings=self.decision.profile.settings,
            memory=self.request.memory_bytes,
            collection=self.request.collection_name(),
            profile=self.decision.profile.name,
            code_version=installed_code_version(),
            models=self.decision.digests,
        )


@contextmanager
def open_workplace(request: RestoreRequest) -> Iterator[Workplace]:
    """Open what the run needs, and close it afterwards.

    Raises:
        UsageError: the request is impossible.
        WeightsError: no stage has trained weights, or weights are not what they should be.
        CatalogError: the catalog cannot be opened (`schemas.errors`).
        StorageError: a store refuses.
    """
    request.check()
    decision = decide(request)
    source = open_store(request.source)
    destination = open_store(request.destination, create=True)
    with Catalog.open(request.catalog_url()) as catalog:
        yield Workplace(request, decision, source, destination, catalog)


def ingest_of(request: RestoreRequest, source: Store) -> Ingest:
    """Return the ingest that the request asks for.

    Raises:
        UsageError: the manifest cannot be used.
    """
    manifest = Manifest.load(local_path(request.manifest)) if request.manifest else None
    return Ingest(source, manifest=manifest, agent=f"oldphoto {installed_code_version()}")


def decide(request: RestoreRequest) -> Decision:
    """Decide the tier and the recipe.

    Raises:
        WeightsError: a network without which nothing can be restored has no trained weights.
        UsageError: the profile allows only tiers that the weights cannot make, or the device does not exist.
    """
    profile, wanted = profile_named(request.profile), tier_named(request.tier)
    if request.device == "cuda" and not _works_elsewhere(request):
        # Only here is torch needed in this process: a run that cannot have its GPU is to end before it begins.
        from oldphoto_core.device import pick_device

        pick_device(request.device)
    provision = find_provision(request.config_name, request.weights_folder, profile.settings)
    if not provision.available_tiers:
        lacking = [network for network in REQUIRED if network not in provision.weights]
        raise WeightsError(
            f"Without trained weights for {', '.join(lacking)} nothing can be restored. Install a release that ships "
            f"them, or train each: oldphoto train {lacking[0]} --data DIR --out FILE."
        )
    tier = highest_allowed(wanted, profile, provision.available_tiers)
    if tier is None:
        names = ", ".join(one.value for one in provision.available_tiers)
        raise UsageError(
            f"The weights make only {names}; profile {profile.name} with tier {wanted.value} allows none "
            "of these. Choose another --profile or --tier."
        )
    weights: dict[str, WeightsLike] = {
        stage: provision.weights[stage] for stage in _taking_part(tier) if stage in provision.weights
    }
    recipe = build_recipe(
        parameters=provision.parameters(),
        weights=weights,
        profile=profile.name,
        tier=tier,
        keep_tiers=request.keep_tiers,
    )
    cap = min(wanted, profile.highest, key=TIER_ORDER.index)
    off = tuple(stage for stage in STAGES_OF_TIER[cap] if stage not in provision.weights)
    return Decision(profile, tier, recipe, off)


def _taking_part(tier: Tier) -> tuple[str, ...]:
    """Return the stages of ``tier``, and what finds the faces: at every tier they are looked for."""
    return (*STAGES_OF_TIER[tier], FACE_DETECTOR)


def _works_elsewhere(request: RestoreRequest) -> bool:
    """Return whether a cluster's workers have the devices: this machine's say nothing of theirs."""
    return request.executor == "ray" and bool(os.environ.get("RAY_ADDRESS"))


def effects_of_missing(stages: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return each stage with what its missing weights mean for the results."""
    return tuple((stage, _EFFECT_OF_MISSING[stage]) for stage in stages)
