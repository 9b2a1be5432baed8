"""What every process of Ray's imports before it is given work: all that its first actors need but the networks.

Ray keeps a few processes ready, and they have nothing to do while the run is planned. Torch is left out: the
actors that only keep Ray Data's books would carry it too.
"""

from importlib import import_module

from oldphoto_core.imports import uncollected

with uncollected():
    for _name in ("ray.data", "actors.stages.fused"):
        import_module(_name)
