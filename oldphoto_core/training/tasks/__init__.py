"""What each network is trained on and for: one task a network, with a data mix and the loss of a batch."""

from __future__ import annotations

from oldphoto_core.errors import UsageError
from oldphoto_core.training.perceptual import VGG
from oldphoto_core.training.settings import TrainingSettings
from oldphoto_core.training.tasks.autoencoder import AutoencoderTask
from oldphoto_core.training.tasks.base import Losses, Task
from oldphoto_core.training.tasks.detector import DetectorTask
from oldphoto_core.training.tasks.face_finder import FaceFinderTask
from oldphoto_core.training.tasks.faces import FaceTask
from oldphoto_core.training.tasks.mapping import MappingTask

TASKS: dict[str, type[Task]] = {
    "detector": DetectorTask,
    "vae-old": AutoencoderTask,
    "vae-clean": AutoencoderTask,
    "mapping": MappingTask,
    "faces": FaceTask,
    "face-detector": FaceFinderTask,
}

__all__ = [
    "TASKS",
    "AutoencoderTask",
    "DetectorTask",
    "FaceFinderTask",
    "FaceTask",
    "Losses",
    "MappingTask",
    "Task",
    "make_task",
]


def make_task(settings: TrainingSettings) -> Task:
    """Return the task for ``settings.network``.

    Raises:
        UsageError: no network is called so, or a file was given that has no part in its training.
    """
    if settings.network not in TASKS:
        raise UsageError(f"No network is called {settings.network!r}. Choose one of: {', '.join(TASKS)}.")
    task = TASKS[settings.network](settings)
    if settings.vgg is not None and task.features != VGG:
        raise UsageError(
            f"--vgg has no part in this training of {settings.network}: features are matched by mapping and faces, "
            "beside discriminators (--adversarial-from below 1)."
        )
    return task
