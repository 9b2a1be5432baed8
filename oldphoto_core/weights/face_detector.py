"""Put a YuNet model among the weights: faces are then found by it, in place of our network (decision 0033).

    python -m oldphoto_core.weights.face_detector MODEL.onnx FOLDER --version n-640 --licence Apache-2.0

A FOLDER without weights gets the shipped ones. Name it as ``--weights`` then.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
from pathlib import Path
from typing import get_args

import numpy as np

from oldphoto_core.errors import OldPhotoError
from oldphoto_core.faces.detect import FaceDetector
from oldphoto_core.settings import Config
from oldphoto_core.weights.cards import FACE_DETECTOR, SHIPPED, YUNET_NAME, shipped, write_card, yunet_model


def install(model: Path, folder: Path, *, version: str, licence: str, config: Config = "compact") -> Path:
    """Copy ``model`` into ``folder`` and write its card; a folder without weights gets the shipped ones first.

    Args:
        model: a YuNet model (ONNX); OpenCV has to run it.
        folder: is made where it is missing. Its own weights stay as they are, an earlier face detector is replaced.
        version, licence: what the card, the recipe and the catalog shall say of the model.
        config: whose shipped weights an empty ``folder`` gets.

    Returns:
        Where the model lies now.

    Raises:
        WeightsError: there is no such model, or OpenCV cannot run it.
    """
    FaceDetector.from_yunet(model).detect(np.full((240, 320), 128, np.uint8))
    folder.mkdir(parents=True, exist_ok=True)
    # All or none: a mapping goes with the autoencoders that it was trained between.
    if not any(folder.glob("*.safetensors")):
        for ours in sorted((SHIPPED / config).glob("*.safetensors")):
            if ours.stem == FACE_DETECTOR:
                continue
            for part in (ours, ours.with_suffix(".json")):
                shutil.copyfile(part, folder / part.name)
    path = yunet_model(folder)
    # Its card lies where that of our network would.
    shipped(config, FACE_DETECTOR, folder).unlink(missing_ok=True)
    temporary = path.with_suffix(".onnx.part")
    shutil.copyfile(model, temporary)
    temporary.replace(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    write_card(path, {"name": YUNET_NAME, "version": version, "licence": licence, "sha256": digest})
    return path


def main(arguments: list[str] | None = None) -> None:
    """Do so with what the command line names; the exit code is 2 for wrong usage, 1 for a model that is refused."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, help="a YuNet model (ONNX)")
    parser.add_argument("folder", type=Path, help="the folder of weights")
    parser.add_argument("--version", required=True, help="of the model")
    parser.add_argument("--licence", required=True, help="of the model: the catalog and PREMIS name it")
    parser.add_argument("--config", choices=get_args(Config), default="compact")
    given = parser.parse_args(arguments)
    try:
        path = install(
            given.model, given.folder, version=given.version, licence=given.licence, config=given.config
        )
    except OldPhotoError as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
    print(f"{path}: with `--weights {given.folder}` it finds the faces")


if __name__ == "__main__":
    main()
