"""Images as training may have them: decoded once, bounded, re-encoded, without anything but their pixels.

A picture from outside can be a bomb (a small file of a billion pixels), another kind of file than its name says, or
carry a place and a name in its metadata. So its header is read before its pixels, its pixels are drawn on white within
one budget, and what is written is a new PNG that holds nothing else.
"""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

from data_prep.faults import shown
from proposal.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

PIXEL_BUDGET = 602_112
"""Pixels of an image in a training row: 768 image tokens of Qwen2.5-VL (28 by 28 pixels each), 588 of Qwen3-VL (32 by
32). Recipes and serving set the processor's limit from this constant, so that no side resizes again.
"""

MAX_SOURCE_PIXELS = 40_000_000
"""Pixels that are decoded of a picture from outside: what a camera takes, a tenth of a second's work."""

MAX_SOURCE_BYTES = 20_000_000
MAX_RATIO = 20
"""Longest side to shortest; a processor for Qwen-VL refuses 200, and nothing is legible long before."""

KINDS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
"""Kinds that are decoded; every other decoder of the library stays closed to input from outside."""


def clean_image(data: bytes, *, where: str) -> bytes:
    """Return the picture as a plain PNG of at most `PIXEL_BUDGET` pixels; `InputError` names what is wrong with it."""
    from PIL import Image, ImageOps

    if len(data) > MAX_SOURCE_BYTES:
        raise InputError(f"the picture has {len(data):,} bytes", where=where,
                         expected=f"at most {MAX_SOURCE_BYTES:,}", fix="save it smaller")  # fmt: skip
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=KINDS) as picture:
                _check_size(picture.size, where)
                upright = ImageOps.exif_transpose(picture)
                return encoded(bounded(_on_white(upright)))
    except Image.DecompressionBombError:
        raise _too_many_pixels("more", where) from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise InputError(f"not a picture that can be decoded: {shown(str(error))}", where=where,
                         expected=", ".join(KINDS), fix="save it again as PNG") from None  # fmt: skip


def _check_size(size: tuple[int, int], where: str) -> None:
    width, height = size
    if width * height > MAX_SOURCE_PIXELS:
        raise _too_many_pixels(f"{width} by {height}", where)
    if min(size) < 1 or max(size) > MAX_RATIO * min(size):
        raise InputError(f"the picture is {width} by {height} pixels", where=where,
                         expected=f"sides in a proportion of at most {MAX_RATIO}", fix="crop it")  # fmt: skip


def _too_many_pixels(found: str, where: str) -> InputError:
    return InputError(f"the picture has too many pixels ({found})", where=where,
                      expected=f"at most {MAX_SOURCE_PIXELS:,}", fix="save it smaller")  # fmt: skip


def _on_white(picture: Image.Image) -> Image.Image:
    """Return the first frame in RGB, what is transparent shown on white."""
    from PIL import Image

    if picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return picture.convert("RGB")


def bounded(picture: Image.Image, budget: int = PIXEL_BUDGET) -> Image.Image:
    """Return the picture within the budget, its proportions kept."""
    from PIL import Image

    width, height = picture.size
    if width * height <= budget:
        return picture
    scale = (budget / (width * height)) ** 0.5
    size = (max(1, int(width * scale)), max(1, int(height * scale)))
    return picture.resize(size, Image.Resampling.LANCZOS)


def encoded(picture: Image.Image) -> bytes:
    """Return an RGB picture as PNG, its pixels only: the same bytes for the same pixels and the pinned library."""
    from PIL import Image

    bare = Image.new("RGB", picture.size)
    bare.paste(picture)
    out = io.BytesIO()
    bare.save(out, "PNG", optimize=False, compress_level=6)
    return out.getvalue()
