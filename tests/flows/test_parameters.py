"""Whoever starts a flow on Prefect's pages is told there what each parameter means."""

from __future__ import annotations

from typing import Any

import pytest
from prefect import Flow
from prefect.utilities.callables import parameter_schema

from flows.packages import FORMS
from flows.profiles import PROFILES
from flows.publish import publish
from flows.redo import redo
from flows.restore_archive import restore_archive
from flows.verify_fixity import verify_fixity
from oldphoto_core.photo import Tier

FLOWS: tuple[Flow[..., Any], ...] = (restore_archive, verify_fixity, publish, redo)


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_every_parameter_is_explained(flow: Flow[..., Any]) -> None:
    shown = parameter_schema(flow).properties
    assert [name for name, parameter in shown.items() if not parameter.get("description")] == []


def test_names_to_choose_from_are_named() -> None:
    restoring, publishing = parameter_schema(restore_archive).properties, parameter_schema(publish).properties
    for parameter, names in (
        (restoring["profile"], list(PROFILES)),
        (restoring["tier"], list(Tier)),
        (publishing["form"], FORMS),
    ):
        assert all(f"``{name}``" in parameter["description"] for name in names)
