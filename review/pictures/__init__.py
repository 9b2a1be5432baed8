"""From stored files to what a browser shows: upright, 8-bit, in tiles, with bounded memory."""

from review.pictures.pyramid import Pyramid
from review.pictures.shelf import PictureRequest, PictureShelf
from review.pictures.tiles import TILE_OVERLAP, TILE_SIZE

__all__ = ["TILE_OVERLAP", "TILE_SIZE", "PictureRequest", "PictureShelf", "Pyramid"]
