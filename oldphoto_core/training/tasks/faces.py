"""Training the face generator (section 4 of the method)."""

from __future__ import annotations

from functools import partial

import torch

from oldphoto_core.models.build import build_face_generator, build_picture_judge
from oldphoto_core.models.vgg import load_vgg
from oldphoto_core.training.face_samples import FaceSamples, StageBefore
from oldphoto_core.training.losses import feature_matching, pyramid_l1
from oldphoto_core.training.perceptual import VGG, PerceptualNetwork
from oldphoto_core.training.settings import TrainingSettings
from oldphoto_core.training.stream import Batch, Mix
from oldphoto_core.training.tasks.adversary import PictureAdversary
from oldphoto_core.training.tasks.base import Losses, Task


class FaceTask(Task):
    """The face generator on aligned faces that were aged and, most of them, restored by the stage before.

    L1 band by band; where the settings switch it on, a two-scale hinge discriminator that sees the refined face
    beside the degraded one, and feature matching over its layers and, given a file, VGG's.
    """

    def __init__(self, settings: TrainingSettings) -> None:
        super().__init__(settings)
        generator = build_face_generator(settings.config)
        self.network = generator
        self.crop = generator.crop
        stage = StageBefore(settings.config, settings.stage_before, settings.stage_share)
        faces = partial(FaceSamples, settings.data, stage=stage)
        self.mixes = {"faces": Mix(1.0, faces, upright=True)}
        self.perceptual: PerceptualNetwork | None = None
        if self.wants_adversaries:
            # The discriminator sees pairs: refined and degraded face.
            judge = build_picture_judge(settings.config, channels=6)
            self.picture = PictureAdversary(judge, "hinge")
            self.adversaries["picture"] = self.picture
            if settings.vgg is not None:
                self.perceptual = PerceptualNetwork(load_vgg(settings.vgg), VGG)
                self.frozen.append(self.perceptual)
                self.features = self.perceptual.name

    def losses(self, batch: Batch, *, adversarial: bool) -> Losses:
        """Return λ_p · L1 of the refined face and the clean one, band by band, + the adversarial part."""
        degraded, clean = batch["aged"], batch["clean"]
        refined = self.network(degraded).float()
        pixel = pyramid_l1(refined, clean)
        total, terms = self.settings.pixel_weight * pixel, {"pixel": pixel}
        if adversarial:
            pairs = (torch.cat((picture, degraded), dim=1) for picture in (refined, clean))
            fooled = self.picture.fooled(*pairs)
            matching = fooled.matching
            if self.perceptual is not None:
                matching = matching + feature_matching(self.perceptual(refined), self.perceptual(clean))
            terms |= {"picture gan": fooled.adversarial, "features": matching}
            total = total + self.settings.adversarial_weight * fooled.adversarial
            total = total + self.settings.feature_weight * matching
        return {"total": total, **terms}
