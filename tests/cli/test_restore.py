"""How `oldphoto restore` ends: its exit code, and what it says of photos that were not restored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from inspect import Parameter, signature
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from cli import restore
from cli.main import main
from cli.watcher import Watcher
from flows.progress import RunDetails
from flows.request import RestoreRequest
from flows.restore_archive import restore_archive
from flows.summary import RunSummary
from schemas.errors import TakenOverError

DEPLOYMENTS = Path(__file__).parents[2] / "deploy" / "prefect.yaml"


def summary(**counts: int) -> RunSummary:
    names = ("inputs", "already_done", "done", "skipped", "quarantined", "failed", "pending")
    found = dict.fromkeys(names, 0) | counts | {"inputs": sum(counts.values())}
    return RunSummary(run=1, recipe="0" * 64, seconds=1.0, **found)  # type: ignore[typeddict-item]


def details(told: RunSummary, **more: int) -> RunDetails:
    return RunDetails(told, "enhanced", None, **more)  # type: ignore[arg-type]


def oldphoto(monkeypatch: pytest.MonkeyPatch, folder: Path, told: RunDetails, *options: str) -> Result:
    def flow(request: object, watcher: Watcher) -> RunSummary:
        watcher.finished(told)
        return told.summary

    monkeypatch.setattr(restore, "run_flow", flow)
    app = typer.Typer()
    restore.register(app)
    return CliRunner().invoke(app, [str(folder), str(folder / "out"), *options])


def test_work_that_another_run_took_is_not_taken_for_success(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = details(summary(pending=6), taken_over_by=2)
    for options in ((), ("--json",)):
        result = oldphoto(monkeypatch, tmp_path, told, *options)
        assert result.exit_code == 1
        assert "6 photographs are still pending: run 2 " in result.stderr
    assert oldphoto(monkeypatch, tmp_path, told, "--dry-run").exit_code == 0


def test_a_run_that_was_ended_by_another_is_no_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def flow(request: object, watcher: object) -> RunSummary:
        raise TakenOverError("run 1 was ended by run 2")

    monkeypatch.setattr(restore, "run_flow", flow)
    monkeypatch.setattr("sys.argv", ["oldphoto", "restore", str(tmp_path), str(tmp_path / "out")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1


def test_what_was_given_up_is_told_from_what_is_tried_again() -> None:
    rows = dict(restore.outcome_rows(details(summary(failed=5, done=1), given_up=2)))
    assert rows["failed: a later run tries again"] == 3
    assert rows["given up after 3 attempts: --retry tries again"] == 2
    assert dict(restore.outcome_rows(details(summary(pending=4), dry_run=True))) == {"would be restored": 4}


def test_a_run_has_the_same_parameters_however_it_is_asked_for() -> None:
    """By the command, by Prefect, in Python: what one of them forgot nobody could ask for there."""
    told = {field.name: field.default for field in fields(RestoreRequest)}
    of_flow = parameters(restore_archive.fn)
    of_command = parameters(restore.restore)
    del of_command["as_json"]
    given = {"source": Parameter.empty, "destination": Parameter.empty}
    assert of_flow == of_command == told | given
    nightly = yaml.safe_load(DEPLOYMENTS.read_text(encoding="utf-8"))["deployments"][0]
    assert nightly["parameters"].keys() <= told.keys()


def parameters(function: Callable[..., object]) -> dict[str, object]:
    return {name: one.default for name, one in signature(function).parameters.items()}
