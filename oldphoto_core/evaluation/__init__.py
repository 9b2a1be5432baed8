"""Measuring: picture metrics, detection scores, the OpenCV chain as yardstick, and the report."""

from __future__ import annotations

from oldphoto_core.evaluation.baseline import OpenCvChain
from oldphoto_core.evaluation.metrics import DetectionScores, DetectionTally
from oldphoto_core.evaluation.report import AnnotatedReport, CleanScores, EvaluationReport, PictureScores
from oldphoto_core.evaluation.run import (
    ComparedPhoto,
    Restores,
    comparison_sheet,
    evaluate_detection,
    evaluate_directory,
)

__all__ = [
    "AnnotatedReport",
    "CleanScores",
    "ComparedPhoto",
    "DetectionScores",
    "DetectionTally",
    "EvaluationReport",
    "OpenCvChain",
    "PictureScores",
    "Restores",
    "comparison_sheet",
    "evaluate_detection",
    "evaluate_directory",
]
