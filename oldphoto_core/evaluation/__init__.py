"""Measuring: picture metrics, detection scores, the OpenCV chain as yardstick, and the report."""

from __future__ import annotations

from oldphoto_core.evaluation.annotated import evaluate_detection
from oldphoto_core.evaluation.baseline import OpenCvChain
from oldphoto_core.evaluation.cards import write_metrics
from oldphoto_core.evaluation.faces import SeenFace, evaluate_faces
from oldphoto_core.evaluation.methods import Restores
from oldphoto_core.evaluation.metrics import DetectionScores, DetectionTally
from oldphoto_core.evaluation.report import (
    AnnotatedReport,
    CleanScores,
    EvaluationReport,
    FaceReport,
    PictureScores,
)
from oldphoto_core.evaluation.run import evaluate_directory
from oldphoto_core.evaluation.sheet import ComparedPhoto, comparison_sheet

__all__ = [
    "AnnotatedReport",
    "CleanScores",
    "ComparedPhoto",
    "DetectionScores",
    "DetectionTally",
    "EvaluationReport",
    "FaceReport",
    "OpenCvChain",
    "PictureScores",
    "Restores",
    "SeenFace",
    "comparison_sheet",
    "evaluate_detection",
    "evaluate_directory",
    "evaluate_faces",
    "write_metrics",
]
