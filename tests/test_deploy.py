"""The files for containers fit the project; nothing here starts one."""

from __future__ import annotations

import importlib
import re
import tomllib
from inspect import signature
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = (ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8")
DEPLOYMENTS = yaml.safe_load((ROOT / "deploy" / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]


def test_the_image_has_every_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = {name.rstrip("*") for name in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert packages <= set(re.findall(r"^COPY (\S+) \1$", DOCKERFILE, flags=re.MULTILINE))


def test_volumes_of_the_images_user_are_made_for_it() -> None:
    (folder,) = (
        volume.partition(":")[2] for volume in yaml.safe_load(COMPOSE)["services"]["prefect"]["volumes"]
    )
    assert f"install -d -o oldphoto {folder}\n" in DOCKERFILE
    assert DOCKERFILE.rstrip().endswith("USER oldphoto")


def test_the_services_come_back_and_the_worker_keeps_no_dead_processes() -> None:
    """As process 1 of a container Prefect's worker would keep Ray's ended processes, some more with each run."""
    services = yaml.safe_load(COMPOSE)["services"]
    assert {service["restart"] for service in services.values()} == {"unless-stopped"}
    assert services["worker"]["init"] is True


def test_the_worker_finds_the_catalog_and_tells_nobody_its_password() -> None:
    worker = yaml.safe_load(COMPOSE)["services"]["worker"]["environment"]
    assert worker["PGPASSWORD"] == "${POSTGRES_PASSWORD}"
    assert "PASSWORD" not in worker["OLDPHOTO_CATALOG"]
    # What compose does not read, it does not unescape either: in a shell `$$` is a process id.
    written_out = "".join(line for line in COMPOSE.splitlines() if line.startswith("#"))
    assert "$" not in written_out


def test_what_prefect_can_schedule_is_deployed_with_parameters_that_it_has() -> None:
    deployed = set()
    for one in DEPLOYMENTS:
        path, _, name = one["entrypoint"].partition(":")
        flow = getattr(importlib.import_module(path.removesuffix(".py").replace("/", ".")), name)
        assert one["parameters"].keys() <= signature(flow.fn).parameters.keys()
        deployed.add(flow.name)
    assert deployed == {"restore-archive", "verify-fixity", "publish"}
