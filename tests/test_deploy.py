"""The files for containers fit the project; nothing here starts one."""

from __future__ import annotations

import importlib
import re
import tomllib
from inspect import signature
from pathlib import Path
from typing import Any

import typer.main
import yaml
from packaging.requirements import Requirement

from actors.resources import GIB, EngineSettings, Machine, plan_resources
from cli.main import build_app
from flows.catalog_urls import CATALOG_VARIABLE

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = (ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8")
KUBERAY = (ROOT / "deploy" / "kuberay.yaml").read_text(encoding="utf-8")
CLUSTER, NIGHTLY = yaml.safe_load_all(KUBERAY)
HEAD: dict[str, Any] = CLUSTER["spec"]["headGroupSpec"]
GROUPS: list[dict[str, Any]] = CLUSTER["spec"]["workerGroupSpecs"]
POD: dict[str, Any] = NIGHTLY["spec"]["jobTemplate"]["spec"]["template"]["spec"]
(DRIVER,) = POD["containers"]


def container(group: dict[str, Any]) -> dict[str, Any]:
    """Return the Ray container of a group of nodes."""
    (one,) = group["template"]["spec"]["containers"]
    return dict(one)


def secrets(one: dict[str, Any]) -> set[str]:
    """Return the Secrets whose entries are a container's environment."""
    return {source["secretRef"]["name"] for source in one.get("envFrom", ())}


DEPLOYMENTS = yaml.safe_load((ROOT / "deploy" / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]


def test_the_image_has_every_package() -> None:
    packages = {name.rstrip("*") for name in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}
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


def test_the_clusters_images_are_those_that_its_file_says_how_to_build() -> None:
    used = {one["image"] for one in (DRIVER, *map(container, [HEAD, *GROUPS]))}
    assert set(re.findall(r"docker build .* -t (\S+)", KUBERAY)) == used
    version = PROJECT["project"]["version"]
    assert {image.rpartition(":")[2] for image in used} == {version, f"{version}-gpu"}
    for argument in re.findall(r"--build-arg (\w+)=", KUBERAY + DOCKERFILE):
        assert f"ARG {argument}=" in DOCKERFILE
        assert f'"${argument}"' in DOCKERFILE


def test_the_clusters_ray_is_one_that_the_project_takes() -> None:
    (ray,) = (one for one in map(Requirement, PROJECT["project"]["dependencies"]) if one.name == "ray")
    assert ray.specifier.contains(CLUSTER["spec"]["rayVersion"])


def test_the_driver_runs_a_command_that_there_is() -> None:
    """In place of the shell that joined the cluster before, so that it is told when the pod has to end."""
    assert DRIVER["command"][-1].endswith('&& exec "$0" "$@"')
    assert DRIVER["command"][-1].startswith('ray start --address="$RAY_ADDRESS" --num-cpus=0 ')
    program, name, *given = DRIVER["args"]
    assert program in PROJECT["project"]["scripts"]
    command: Any = typer.main.get_command(build_app())
    command.commands[name].make_context(name, list(given)).close()


def test_the_driver_joins_this_cluster_with_its_token() -> None:
    name = CLUSTER["metadata"]["name"]
    environment = {one["name"]: one.get("value") or one["valueFrom"] for one in DRIVER["env"]}
    (port,) = container(HEAD)["ports"]
    assert environment["RAY_ADDRESS"] == f"{name}-head-svc:{port['containerPort']}"
    assert environment["RAY_AUTH_MODE"] == CLUSTER["spec"]["authOptions"]["mode"] == "token"
    assert environment["RAY_AUTH_TOKEN"] == {"secretKeyRef": {"name": name, "key": "auth_token"}}


def test_the_catalogs_password_is_the_drivers_only_and_every_node_reaches_the_bucket() -> None:
    made = dict(re.findall(r"create secret generic (\S+)((?:.*\\\n)*.*)", KUBERAY))
    entries = {name: set(re.findall(r"--from-literal=(\w+)=", given)) for name, given in made.items()}
    bucket, catalog = "oldphoto-bucket", "oldphoto-catalog"
    assert entries[catalog] == {CATALOG_VARIABLE, "PGPASSWORD"}
    assert entries[bucket] == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"}
    assert secrets(DRIVER) == {bucket, catalog}
    assert all(secrets(container(group)) == {bucket} for group in GROUPS)
    assert not secrets(container(HEAD))


def test_nodes_are_asked_at_ports_that_ray_opens() -> None:
    """The operator would ask Ray's dashboard, which comes with other extras of Ray's than ours."""
    assert not [one for one in PROJECT["project"]["dependencies"] if re.match(r"ray\[.*(default|serve)", one)]
    for group in (HEAD, *GROUPS):
        opened = {str(port["containerPort"]) for port in container(group).get("ports", ())}
        opened |= {group["rayStartParams"].get("node-manager-port", "")}
        for probe in ("readinessProbe", "livenessProbe"):
            assert str(container(group)[probe]["tcpSocket"]["port"]) in opened


def test_nodes_have_room_for_the_workers_that_are_planned_for_them() -> None:
    machines = []
    for group in GROUPS:
        one, given = container(group), group["rayStartParams"]
        limits = one["resources"]["limits"]
        memory, store = int(given["memory"]), int(given["object-store-memory"])
        assert memory + store < int(limits["memory"].removesuffix("Gi")) * GIB
        assert [mount["mountPath"] for mount in one["volumeMounts"]] == ["/tmp"]
        machines.append(Machine(int(limits["cpu"]), float(limits.get("nvidia.com/gpu", 0)), memory))
    assert HEAD["rayStartParams"]["num-cpus"] == "0"
    (cpu,) = plan_resources(machines[:1], photos=100)
    assert (cpu.resources.concurrency, cpu.resources.memory) == (4, EngineSettings().worker_bytes)
    networks = plan_resources(machines, photos=100)[1].resources
    most = GROUPS[1]["maxReplicas"] / networks.gpus
    assert DRIVER["args"][DRIVER["args"].index("--workers") + 1] == f"{most:.0f}"


def test_one_nightly_run_at_a_time_that_somebody_has_to_switch_on() -> None:
    (schedule,) = DEPLOYMENTS[0]["schedules"]
    assert NIGHTLY["spec"]["schedule"] == schedule["cron"]
    assert (NIGHTLY["spec"]["suspend"], schedule["active"]) == (True, False)
    assert NIGHTLY["spec"]["concurrencyPolicy"] == "Forbid"
    assert (NIGHTLY["spec"]["jobTemplate"]["spec"]["backoffLimit"], POD["restartPolicy"]) == (0, "Never")
