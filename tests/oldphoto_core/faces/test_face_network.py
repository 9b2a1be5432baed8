"""Law: what the network says of a cell is a face in the photo's own pixels, whatever level and size it was seen at.

The network here is one that can be read: bright squares are faces. The trained one is tested in `test_face_detect`.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from oldphoto_core.faces.grey import GreyImage
from oldphoto_core.faces.network import FaceNetwork
from oldphoto_core.models.build import build_face_finder
from oldphoto_core.models.face_finder import CHANNELS, STRIDE, UNIT, FaceFinder


class BrightCells(FaceFinder):
    """Cells with something bright in them are faces of 24 pixels; how bright it is says how sure they are."""

    def __init__(self) -> None:
        super().__init__(widths=(4, 4, 4, 4), blocks=(0, 0, 0, 0))

    def forward(self, luminance: Tensor) -> Tensor:
        brightest = torch.nn.functional.max_pool2d(luminance, STRIDE)
        answers = torch.zeros(len(luminance), CHANNELS, *brightest.shape[-2:])
        answers[:, 0] = 20 * (brightest[:, 0] - 0.5)
        for number, (right, down) in enumerate(LANDMARKS):
            answers[:, 4 + 2 * number] = right / UNIT
            answers[:, 5 + 2 * number] = down / UNIT
        return answers


LANDMARKS = ((-6, -6), (6, -6), (0, 0), (-4, 8), (4, 8))
"""From the middle of a cell, in pixels of whatever it sees."""


@pytest.fixture
def network() -> FaceNetwork:
    return FaceNetwork(BrightCells())


def _square(top: int, left: int, side: int, shape: tuple[int, int] = (160, 224)) -> GreyImage:
    image = np.zeros(shape, np.uint8)
    image[top : top + side, left : left + side] = 255
    return image


@pytest.mark.parametrize(("cell", "side"), [(8, 24), (16, 48), (32, 96)])
def test_a_level_answers_in_the_pictures_pixels(network: FaceNetwork, cell: int, side: int) -> None:
    """A square as large as a cell of some level is one face there, and its landmarks are those of the close look."""
    image = _square(cell, 2 * cell, cell)
    (face,) = [face for face in network.look(image, 0.5) if face.box[2] == pytest.approx(side)]
    middle = np.array([2.5 * cell, 1.5 * cell])
    assert face.box == pytest.approx((*(middle - side / 2), side, side))
    closely = middle - 0.5 + np.array(LANDMARKS) * side / 34
    assert np.allclose(face.landmarks, closely, atol=0.01 * side), "pixel centres"


def test_cells_that_see_one_face_give_one(network: FaceNetwork) -> None:
    image = np.zeros((64, 64), np.uint8)
    image[16:24, 16:32] = 255
    (face,) = [face for face in network.look(image, 0.5) if face.box[2] == pytest.approx(24)]
    assert face.box[0] == pytest.approx(24 - 12), "halfway between the two cells"


def test_the_least_score_is_asked_for(network: FaceNetwork) -> None:
    image = (_square(8, 8, 8) * 0.77).astype(np.uint8)
    assert all(0.5 < face.score < 0.9 for face in network.look(image, 0.5))
    assert len(network.look(image, 0.5)) > 0
    assert network.look(image, 0.9) == []


def test_a_face_at_the_edge_is_looked_at_as_well(network: FaceNetwork) -> None:
    (face,) = [face for face in network.look(_square(0, 0, 8), 0.5) if face.box[2] == pytest.approx(24)]
    assert face.box[:2] == pytest.approx((-8, -8))


def test_sides_need_not_fit_the_network(network: FaceNetwork) -> None:
    for shape in ((33, 47), (16, 16), (5, 300)):
        assert network.look(np.zeros(shape, np.uint8), 0.5) == []


def test_it_answers_a_cell_of_eight_pixels() -> None:
    network = build_face_finder("compact").eval()
    said = network(torch.zeros(2, 1, 64, 96))
    assert said.shape == (2, CHANNELS, 8, 12)
    assert bool((torch.sigmoid(said[:, 0]) < 0.05).all()), "untrained, it sees nobody"


def test_folding_changes_no_answer() -> None:
    torch.manual_seed(0)
    plain = build_face_finder("compact").eval()
    for module in plain.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
    torch.nn.init.normal_(plain.head.weight)
    luminance = torch.rand(1, 1, 64, 64) * 2 - 1
    expected = plain(luminance)
    assert torch.allclose(FaceNetwork(plain).network(luminance), expected, atol=1e-3)
