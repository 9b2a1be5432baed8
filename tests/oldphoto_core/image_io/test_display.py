"""Law: a screen shows the tones that a file states, and a file that states none is shown as it is."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from oldphoto_core.image_io import Display, decode
from oldphoto_core.photo import DecodedPhoto
from tests.colour_profiles import DOT_GAIN, grey_profile, linear_profile
from tests.oldphoto_core.image_io.image_files import (
    SRGB,
    deep_png,
    encoded,
    png_with,
    ramp,
    through_pillow,
    through_tifffile,
)

GREYS = np.arange(256, dtype=np.uint8)[None]
COLOURS = np.random.default_rng(0).integers(0, 256, (60, 70, 3), np.uint8)
DEEP = np.random.default_rng(1).integers(0, 65536, (60, 70, 3), np.uint16)
ADOBE = bytes(imagecodecs.cms_profile("adobergb"))
CURVES: dict[str, tuple[int, ...]] = {
    "linear": (),
    "gamma 1.8": (461,),
    "gamma 2.2": (563,),
    "dot gain": DOT_GAIN,
}

LINEAR = (b"gAMA", struct.pack(">I", 100_000))
USUAL = (b"gAMA", struct.pack(">I", 45455))
ADOBE_PLACES = (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000))
SRGB_PLACES = (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))


def by_pillow(samples: NDArray[np.uint8], profile: bytes) -> NDArray[Any]:
    """What LittleCMS makes of 8-bit samples through Pillow, which has a LittleCMS of its own."""
    mode = "L" if samples.ndim == 2 else "RGB"
    transform = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        # Optimised, it shows the darkest of linear greys half as light as they are.
        flags=ImageCms.Flags.NOOPTIMIZE,
    )
    shown = np.asarray(ImageCms.applyTransform(Image.fromarray(samples), transform)).astype(int)
    return shown[..., 1] if samples.ndim == 2 else shown


def rounded(samples: NDArray[np.uint16]) -> NDArray[np.uint8]:
    return np.rint(samples / 257).astype(np.uint8)


def light_of(shown: NDArray[Any]) -> NDArray[Any]:
    """The light (0 to 1) of sRGB samples (0 to 1), by the standard's formula."""
    return np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)


def shown_of(photo: DecodedPhoto) -> NDArray[np.uint8]:
    return Display.of(photo.header, photo.pixels).convert(photo.pixels)


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("factor", [1, 257])
def test_greys_are_shown_through_their_profile(name: str, factor: int) -> None:
    profile = grey_profile(*CURVES[name])
    shown = Display(profile).convert(GREYS.astype(np.uint16) * 257 if factor == 257 else GREYS)
    assert shown.shape == GREYS.shape
    right = by_pillow(GREYS, profile)
    assert np.abs(shown - right).max() <= 1
    assert np.abs(GREYS - right).max() >= 5, "such a profile matters"


def test_the_middle_of_a_press_is_as_light_as_its_paper_shows_it() -> None:
    """A dot that grows by a fifth: half of the light that is left between the dots is gone."""
    shown = int(Display(grey_profile(*DOT_GAIN)).convert(np.full((1, 1), 128, np.uint8))[0, 0])
    assert abs(light_of(np.array(shown / 255)) - 0.302) < 0.005


def test_where_white_is_zero_a_profile_is_for_what_is_shown() -> None:
    profile = grey_profile()
    plain = Display(profile).convert(255 - GREYS)
    assert np.array_equal(Display(profile, inverted=True).convert(GREYS), plain)
    deep = 65535 - GREYS.astype(np.uint16) * 257
    assert np.array_equal(
        Display(profile, inverted=True).convert(deep), Display(profile).convert(65535 - deep)
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_linear_samples_of_16_bits_keep_every_tone_of_the_screen(channels: int) -> None:
    wanted = np.arange(256)
    stored = np.rint(light_of(wanted / 255) * 65535).astype(np.uint16)[None]
    pixels = stored if channels == 1 else np.repeat(stored[..., None], 3, axis=2)
    shown = Display(grey_profile() if channels == 1 else linear_profile()).convert(pixels)
    for plane in np.atleast_3d(shown).transpose(2, 0, 1):
        assert np.array_equal(plane[0], wanted)


@pytest.mark.parametrize("profile", [ADOBE, linear_profile()], ids=["adobe", "linear"])
def test_colours_of_16_bits_are_those_of_8(profile: bytes) -> None:
    deep = Display(profile).convert(COLOURS.astype(np.uint16) * 257)
    assert np.abs(deep - by_pillow(COLOURS, profile)).max() <= 1
    assert np.abs(deep.astype(int) - Display(profile).convert(COLOURS)).max() <= 1
    assert np.abs(deep.astype(int) - COLOURS).max() > 50


def test_16_bits_of_either_byte_order_are_the_same_samples() -> None:
    for profile in (None, linear_profile()):
        display = Display(profile)
        assert np.array_equal(display.convert(DEEP.astype(">u2")), display.convert(DEEP))


@pytest.mark.parametrize(
    "profile", [None, SRGB, ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()]
)
@pytest.mark.parametrize("grey", [False, True])
def test_srgb_and_what_states_nothing_is_shown_as_it_is(profile: bytes | None, grey: bool) -> None:
    flat, deep = (COLOURS[..., 0], DEEP[..., 0]) if grey else (COLOURS, DEEP)
    display = Display(profile)
    assert display.is_plain
    assert np.array_equal(display.convert(flat), flat)
    assert np.array_equal(display.convert(deep), rounded(deep))
    assert np.array_equal(Display(profile, inverted=True).convert(deep), 255 - rounded(deep))


@pytest.mark.parametrize("profile", [None, ADOBE])
def test_of_no_samples_nothing_is_shown(profile: bytes | None) -> None:
    for empty in (COLOURS[:0], COLOURS[:, :0], DEEP[:, :0], DEEP[:0, :, 0]):
        assert Display(profile).convert(empty).shape == empty.shape


def test_greys_of_srgb_are_shown_as_they_are() -> None:
    tones = np.rint(light_of(np.arange(4096) / 4095) * 65535).astype(int).tolist()
    display = Display(grey_profile(*tones))
    assert display.is_plain
    assert np.array_equal(display.convert(DEEP[..., 0]), rounded(DEEP[..., 0]))


@pytest.mark.parametrize(
    "profile",
    [
        b"",
        b"nothing",
        bytes(16) + b"GRAY" + bytes(200),
        bytes(16) + b"RGB " + bytes(200),
        SRGB[:200],
        SRGB[:16] + b"GRAY" + SRGB[20:],
        grey_profile()[:150],
        grey_profile()[:16] + b"RGB " + grey_profile()[20:],
    ],
)
def test_a_profile_that_cannot_be_used_changes_nothing(profile: bytes) -> None:
    display = Display(profile)
    assert display.is_plain
    for samples in (COLOURS, COLOURS[..., 0]):
        assert np.array_equal(display.convert(samples), samples)
    for deep in (DEEP, DEEP[..., 0]):
        assert np.array_equal(display.convert(deep), rounded(deep))


def test_a_profile_for_other_channels_changes_nothing() -> None:
    assert np.array_equal(Display(grey_profile()).convert(COLOURS), COLOURS)
    assert np.array_equal(Display(linear_profile()).convert(COLOURS[..., 0]), COLOURS[..., 0])


@pytest.mark.parametrize("channels", [1, 3])
def test_a_png_that_states_its_gamma_is_shown_by_it(channels: int) -> None:
    pixels = ramp(channels=channels)
    photo = decode(png_with(through_pillow(pixels, "PNG"), LINEAR), key="a.png")
    right = by_pillow(pixels, grey_profile() if channels == 1 else linear_profile())
    assert np.abs(shown_of(photo) - right).max() <= 1
    assert np.abs(right - pixels).mean() > 30
    again = decode(encoded(photo), key="a.png")
    assert np.array_equal(shown_of(again), shown_of(photo)), "a result says the same of its colours"


def test_a_deep_png_that_states_its_gamma_keeps_its_dark_tones() -> None:
    wanted = np.arange(256)
    stored = np.rint(light_of(wanted / 255) * 65535).astype(np.uint16)
    for pixels in (stored[None], np.repeat(stored[None, :, None], 3, axis=2)):
        shown = shown_of(decode(png_with(deep_png(pixels), LINEAR), key="a.png"))
        assert np.array_equal(np.atleast_3d(shown)[0, :, 0], wanted)


def test_a_png_that_states_its_primaries_is_shown_by_them() -> None:
    for gamma in (USUAL, LINEAR):
        photo = decode(png_with(through_pillow(COLOURS, "PNG"), gamma, ADOBE_PLACES), key="a.png")
        profile = ADOBE if gamma == USUAL else _with_curve(ADOBE, 256)
        assert np.abs(shown_of(photo) - by_pillow(COLOURS, profile)).max() <= 2
    # Of greys, primaries say nothing.
    grey = decode(png_with(through_pillow(GREYS, "PNG"), USUAL, ADOBE_PLACES), key="a.png")
    assert Display.of(grey.header, grey.pixels).is_plain


def _with_curve(profile: bytes, gamma: int) -> bytes:
    """The profile with another gamma, in 1/256, in all its curves."""
    data = bytearray(profile)
    for at in range(132, 132 + 12 * int.from_bytes(data[128:132], "big"), 12):
        name, offset, size = struct.unpack_from(">4sII", data, at)
        if name in (b"rTRC", b"gTRC", b"bTRC"):
            data[offset : offset + size] = struct.pack(">4s4xIH", b"curv", 1, gamma).ljust(size, b"\0")
    return bytes(data)


PLAIN: dict[str, tuple[tuple[bytes, bytes], ...]] = {
    "nothing": (),
    "sRGB": ((b"sRGB", b"\0"), LINEAR),
    "cICP": ((b"cICP", bytes([1, 13, 0, 1])), LINEAR),
    "the gamma of sRGB": (USUAL,),
    "a gamma of 0.45": ((b"gAMA", struct.pack(">I", 45000)),),
    "gamma and primaries of sRGB": (USUAL, SRGB_PLACES),
    "primaries alone": (ADOBE_PLACES,),
    "no gamma": ((b"gAMA", bytes(4)),),
    "a gamma beyond reason": ((b"gAMA", struct.pack(">I", 1)),),
    "a gamma behind the pixels": (),
}


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_png_in_srgb_is_shown_as_it_is(name: str, channels: int) -> None:
    pixels = ramp(channels=channels)
    data = png_with(through_pillow(pixels, "PNG"), *PLAIN[name])
    if "behind" in name:
        data = png_with(data, LINEAR, behind=True)
    assert np.array_equal(shown_of(decode(data, key="a.png")), pixels)


@pytest.mark.parametrize(
    "places",
    [
        (0,) * 8,
        (31270, 32900, *(64000, 33000) * 3),
        (31270, 32900, 64000, 33000, 60000, 34000, 62000, 32000),
        (31270, 0, 64000, 33000, 30000, 60000, 15000, 6000),
    ],
    ids=["zeros", "one point", "white outside", "white without light"],
)
def test_primaries_that_are_none_do_not_blacken_a_picture(places: tuple[int, ...]) -> None:
    chunk = (b"cHRM", struct.pack(">8I", *places))
    alone = decode(png_with(through_pillow(COLOURS, "PNG"), LINEAR), key="a.png")
    both = decode(png_with(through_pillow(COLOURS, "PNG"), LINEAR, chunk), key="a.png")
    assert np.array_equal(shown_of(both), shown_of(alone))


def test_a_profile_goes_before_a_gamma() -> None:
    data = png_with(through_pillow(COLOURS, "PNG", icc_profile=SRGB), LINEAR)
    assert np.array_equal(shown_of(decode(data, key="a.png")), COLOURS)
    grey = (b"iCCP", b"p\0\0" + zlib.compress(grey_profile(461)))
    shown = shown_of(decode(png_with(through_pillow(GREYS, "PNG"), grey, LINEAR), key="a.png"))
    assert np.abs(shown - by_pillow(GREYS, grey_profile(461))).max() <= 1


def test_a_gamma_of_a_palette_is_that_of_its_colours() -> None:
    image = Image.fromarray(COLOURS).quantize(32)
    photo = decode(png_with(through_pillow(image, "PNG"), LINEAR), key="a.png")
    assert np.abs(shown_of(photo) - by_pillow(photo.pixels.astype(np.uint8), linear_profile())).max() <= 1


def test_a_result_of_a_grey_scan_is_shown_as_the_scan() -> None:
    for pixels in (GREYS, ramp(channels=1, dtype=np.uint16)):
        data = through_tifffile(pixels, photometric="minisblack", iccprofile=grey_profile(*DOT_GAIN))
        scan = decode(data, key="a.tif")
        result = decode(encoded(scan), key="a")
        assert np.array_equal(shown_of(result), shown_of(scan))
        assert not np.array_equal(shown_of(scan), Display(None).convert(pixels))
