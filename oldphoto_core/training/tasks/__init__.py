"""What each network is trained on and for: one task a network, with a data mix and the loss of a batch."""

from __future__ import annotations

from oldphoto_core.errors import UsageError
from oldphoto_core.training.settings import TrainingSettings
from oldphoto_core.training.tasks.autoencoder import AutoencoderTask
from oldphoto_core.training.tasks.base import Losses, Task
from oldphoto_core.training.tasks.detector import DetectorTask
from oldphoto_core.training.tasks.faces import FaceTask
from oldphoto_core.training.tasks.mapping import MappingTask

TASKS: dict[str, type[Task]] = {
    "detector": DetectorTask,
    "vae-old": AutoencoderTask,
    "vae-clean": AutoencoderTask,
    "mapping": MappingTask,
    "faces": FaceTask,
}

__all__ = [
    "TASKS",
    "AutoencoderTask",
    "DetectorTask",
    "FaceTask",
    "Losses",
    "MappingTask",
    "Task",
    "make_task",
]


def make_task(settings: TrainingSettings) -> Task:
    """Return the task for ``settings.network``; :class:`UsageError` for a name that is none of ours."""
    if settings.network not in TASKS:
        raise UsageError(f"No network is called {settings.network!r}. Choose one of: {', '.join(TASKS)}.")
    return TASKS[settings.network](settings)
