"""The catalog's tables, split by concept: holdings, work, results, provenance, review, desk, sessions."""

from __future__ import annotations

from schemas.tables.base import Base
from schemas.tables.desk import OutcomeTally, QueueEntry, Tally
from schemas.tables.holdings import Asset, Collection, Content, Location
from schemas.tables.provenance import Agent, Audit, Event
from schemas.tables.results import Derivative, Face, Flag, FlagRule, Mask, Measurement
from schemas.tables.review import Account, MaskEdit, QcLot, QcMember, RedoRequest, Review
from schemas.tables.sessions import DeskSession, DeskStep
from schemas.tables.work import Model, Recipe, RecipeModel, Run, RunInput, WorkItem

__all__ = [
    "Account",
    "Agent",
    "Asset",
    "Audit",
    "Base",
    "Collection",
    "Content",
    "Derivative",
    "DeskSession",
    "DeskStep",
    "Event",
    "Face",
    "Flag",
    "FlagRule",
    "Location",
    "Mask",
    "MaskEdit",
    "Measurement",
    "Model",
    "OutcomeTally",
    "QcLot",
    "QcMember",
    "QueueEntry",
    "Recipe",
    "RecipeModel",
    "RedoRequest",
    "Review",
    "Run",
    "RunInput",
    "Tally",
    "WorkItem",
]
