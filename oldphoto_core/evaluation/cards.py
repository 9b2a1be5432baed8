"""An evaluation's figures on the model cards of the weights that it measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from oldphoto_core.evaluation.report import INPUT, OURS, OURS_TRUE_MASK, EvaluationReport
from oldphoto_core.weights.cards import add_metrics

_RESTORING = ("vae-old", "vae-clean", "mapping")


def write_metrics(report: EvaluationReport, folder: Path) -> list[Path]:
    """Write what concerns each network into its card in ``folder``; return the weights whose cards changed.

    The detector gets the detection scores, the translation's networks the picture scores beside the input's, the
    face generator the face section. A network without weights there is passed over.
    """
    document: dict[str, Any] = json.loads(report.to_json())
    measured = {name: document[name] for name in ("profile", "photos", "size", "seed", "computed_in")}
    pictures = {
        name: document["pictures"][name]
        for name in (INPUT, OURS, OURS_TRUE_MASK)
        if name in document["pictures"]
    }
    sections: dict[str, dict[str, Any]] = {
        "detector": {"aged": document["detection"].get(OURS), "annotated": _annotated(document)},
        "faces": {"faces": document["faces"]},
        **{
            name: {
                "pictures": pictures,
                "sound": document["clean"].get(OURS),
                "grey": document["grey"].get(OURS),
            }
            for name in _RESTORING
        },
    }
    written = []
    for network, section in sections.items():
        path = folder / f"{network}.safetensors"
        known = {name: value for name, value in section.items() if value}
        if path.is_file() and known:
            add_metrics(path, {"measured_on": measured, **known})
            written.append(path)
    return written


def _annotated(document: dict[str, Any]) -> Any:
    annotated = document["annotated"]
    return annotated["detection"].get(OURS) if annotated else None
