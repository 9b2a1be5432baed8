"""A YuNet model, four kilobytes of ONNX, to which every bright square of 32 pixels is a face of 64.

OpenCV runs it as it runs the real one: three strides, each with a class, an objectness, a box and five points a cell.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

_STRIDE = 32
"""Cells of this side are looked at; the two finer grids see nothing."""
_BOX = [0.5, 0.5, np.log(2), np.log(2)]
"""Centre in cells, then the logarithm of the sides in cells."""
_POINTS = [-0.1, 0.1, 1.1, 0.1, 0.5, 0.5, 0.0, 0.9, 1.0, 0.9]
"""Right eye, left eye, nose, corners of the mouth: in cells from the cell's corner."""


def write_bright_faces(path: Path) -> Path:
    """Write the model to ``path`` and return that."""
    heads: dict[str, list[float]] = {"cls": [0.0], "obj": [1.0], "bbox": _BOX, "kps": _POINTS}
    nodes: list[NodeProto] = [helper.make_node("ReduceMean", ["input"], ["grey"], axes=[1], keepdims=1)]
    constants = []

    def constant(name: str, values: object, kind: type) -> str:
        constants.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    for stride in (8, 16, 32):
        mean = f"mean{stride}"
        nodes.append(
            helper.make_node(
                "AveragePool", ["grey"], [mean], kernel_shape=[stride, stride], strides=[stride, stride]
            )
        )
        for head, bias in heads.items():
            name, width = f"{head}_{stride}", len(bias)
            gain = 1 / 255 if head == "cls" and stride == _STRIDE else 0.0
            inputs = [
                mean,
                constant(f"gain {name}", np.full((width, 1, 1, 1), gain), np.float32),
                constant(f"bias {name}", bias, np.float32),
            ]
            nodes += [
                helper.make_node("Conv", inputs, [f"grid {name}"]),
                helper.make_node("Transpose", [f"grid {name}"], [f"last {name}"], perm=[0, 2, 3, 1]),
                helper.make_node(
                    "Reshape", [f"last {name}", constant(f"cells {name}", [1, -1, width], np.int64)], [name]
                ),
            ]
    outputs = [
        helper.make_tensor_value_info(f"{head}_{stride}", TensorProto.FLOAT, [1, "cells", len(bias)])
        for head, bias in heads.items()
        for stride in (8, 16, 32)
    ]
    pixels = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 320, 320])
    graph = helper.make_graph(nodes, "bright", [pixels], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path
