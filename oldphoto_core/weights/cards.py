"""Model cards: which weights lie where, and that their bytes are those that the card describes.

``oldphoto_core/weights/<config>/<network>.safetensors`` holds the tensors; ``<network>.json`` is the card for
machines: name, version, licence, SHA-256, data, settings, steps, metrics. No network is loaded here, nor torch.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oldphoto_core.errors import UsageError, WeightsError

SHIPPED = Path(__file__).parent
LICENCE = "Apache-2.0"
FACE_DETECTOR = "face-detector"
YUNET_NAME = "yunet"
"""What the card of a YuNet model says: one that a user has put in the place of ours (`weights.face_detector`)."""
_IDENTITY = ("name", "version", "sha256", "licence")
"""What every card says, in words."""
AUTOENCODERS = {"vae-old": "vae_old_sha256", "vae-clean": "vae_clean_sha256"}
"""What a mapping lies between → the entry of its card that says which weights those were."""
_RESTORE = "Restore it from where the weights came from, or train them again with `oldphoto train`."


@dataclass(frozen=True)
class WeightsIdentity:
    """Which weights a stage ran with; recorded in the recipe and the catalog."""

    name: str
    version: str
    sha256: str
    licence: str

    @classmethod
    def of(cls, card: dict[str, Any]) -> WeightsIdentity:
        """Return what a card says."""
        return cls(card["name"], card["version"], card["sha256"], card["licence"])


def shipped(config: str, network: str, folder: Path | None = None) -> Path:
    """Return where the weights of a network lie; the file need not exist."""
    return (folder or SHIPPED / config) / f"{network}.safetensors"


def yunet_model(folder: Path) -> Path:
    """Return where a YuNet model lies that finds the faces in place of our network; the file need not exist."""
    return folder / f"{FACE_DETECTOR}.onnx"


def beside_or_shipped(config: str, network: str, out: Path) -> Path:
    """Return the weights of a network that lie beside ``out``; where there are none, the shipped ones."""
    beside = shipped(config, network, out.parent)
    return beside if beside.is_file() else shipped(config, network)


def check_out(path: Path) -> None:
    """Raise :class:`UsageError` unless weights can be called so: the names of what lies beside them come from it."""
    if path.suffix != ".safetensors":
        raise UsageError(f"{path} is no name for weights. Name a file that ends in .safetensors for them.")


def read_card(path: Path) -> dict[str, Any]:
    """Return the card beside a weights file.

    Raises:
        WeightsError: file or card missing, or a card that does not say whose weights they are.
    """
    card = path.with_suffix(".json")
    if not path.is_file() or not card.is_file():
        raise WeightsError(f"{path} or its card {card.name} is missing. {_made_by(path)}")
    try:
        loaded: Any = json.loads(card.read_text(encoding="utf-8"))
    except ValueError as error:
        raise WeightsError(f"{card} is damaged ({error}). {_RESTORE}") from error
    if not isinstance(loaded, dict):
        raise WeightsError(f"{card} is no model card. {_RESTORE}")
    lacking = [name for name in _IDENTITY if not isinstance(loaded.get(name), str)]
    if not isinstance(loaded.get("settings", {}), dict):
        lacking.append("settings")
    if lacking:
        raise WeightsError(f"{card} does not say what a model card says ({', '.join(lacking)}). {_RESTORE}")
    return loaded


def _made_by(path: Path) -> str:
    if path.suffix == ".onnx":
        return f"Put it there with `python -m oldphoto_core.weights.face_detector MODEL {path.parent}`."
    return "Train it with `oldphoto train`."


def checked_card(path: Path) -> dict[str, Any]:
    """Return the card beside a weights file whose bytes are those that it describes.

    Raises:
        WeightsError: file or card missing, or other bytes.
    """
    card = read_card(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != card["sha256"]:
        raise WeightsError(f"{path}: SHA-256 is {digest}, the card says {card['sha256']}. Restore the file.")
    return card


def write_card(path: Path, card: dict[str, Any]) -> None:
    """Write the card of the weights at ``path``, in place of an earlier one, which stays whole until then."""
    text = json.dumps(card, indent=2, sort_keys=True, ensure_ascii=False)
    temporary = path.with_suffix(".json.part")
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.replace(path.with_suffix(".json"))


def add_metrics(path: Path, metrics: dict[str, Any]) -> None:
    """Write what an evaluation measured with these weights into their card, in place of earlier figures.

    Raises:
        WeightsError: weights or card missing, or the weights are no longer those of the card.
    """
    write_card(path, {**checked_card(path), "metrics": metrics})
