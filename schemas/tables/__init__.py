"""The catalog's tables, split by concept: holdings, work, results, provenance."""

from __future__ import annotations

from schemas.tables.base import Base
from schemas.tables.holdings import Asset, Collection, Content, Location
from schemas.tables.provenance import Agent, Event
from schemas.tables.results import Derivative, Face, Flag, Mask, Measurement
from schemas.tables.work import Model, Recipe, RecipeModel, Run, RunInput, WorkItem

__all__ = [
    "Agent",
    "Asset",
    "Base",
    "Collection",
    "Content",
    "Derivative",
    "Event",
    "Face",
    "Flag",
    "Location",
    "Mask",
    "Measurement",
    "Model",
    "Recipe",
    "RecipeModel",
    "Run",
    "RunInput",
    "WorkItem",
]
