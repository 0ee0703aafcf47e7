"""Fonts of the charts: those that come with matplotlib, and one for Chinese that the system has.

matplotlib draws an empty box for a character that its font lacks and goes on, so a set of charts in Chinese without a
Chinese font would teach that words are boxes. Here that is an error that says what to install.

    python -m data_prep.chart_fonts     # prints the font for Chinese, or what to do
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from proposal.errors import ConfigError
from proposal.values import Language

LATIN = ("DejaVu Sans", "DejaVu Serif", "DejaVu Sans Mono", "STIXGeneral")
"""Families that matplotlib itself carries, so they are the same on every machine."""

FONT_VARIABLE = "DAO_CJK_FONT"
"""Names the file of the font for Chinese; without it the known ones are looked for."""

KNOWN = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKsc-Regular.otf",
    "NotoSansSC-Regular.otf",
    "NotoSansSC-Regular.ttf",
    "SourceHanSansSC-Regular.otf",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "DroidSansFallback.ttf",
    "PingFang.ttc",
    "msyh.ttc",
)
"""Files of fonts with simplified Chinese characters, the preferred ones first."""

_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "/System/Library/Fonts", "/Library/Fonts", "C:/Windows/Fonts")
_OWN_FOLDERS = (".fonts", ".local/share/fonts", "Library/Fonts")
_SAMPLE = "提案参与率资金库年月万亿美元"


@dataclass(frozen=True, slots=True)
class CjkFont:
    """A font file with Chinese characters and the family in it that matplotlib is asked for."""

    path: Path
    family: str


def families(language: Language, latin: str) -> list[str]:
    """Return the families of a text in their order: the first that has a character draws it."""
    return [latin, cjk_font().family] if language == "zh" else [latin]


@functools.cache
def cjk_font() -> CjkFont:
    """Find the font for Chinese and make it known to matplotlib; `ConfigError` says what to install."""
    from matplotlib import font_manager, ft2font

    path = _file()
    if path is None:
        raise ConfigError("no font with Chinese characters was found", where="charts in Chinese",
                          expected=f"one of: {', '.join(KNOWN)}",
                          fix="install one (on Debian: apt-get install fonts-wqy-microhei), or name its file in "
                          f"{FONT_VARIABLE}")  # fmt: skip
    try:
        first = ft2font.FT2Font(str(path))
        faces = [first, *(ft2font.FT2Font(str(path), face_index=number) for number in range(1, first.num_faces))]
    except (OSError, RuntimeError) as error:
        raise ConfigError(f"cannot be read as a font: {error}", where=str(path), fix="name another file") from None
    face = next((face for face in faces if face.family_name.endswith(" SC")), first)
    lacking = [character for character in _SAMPLE if not face.get_char_index(ord(character))]
    if lacking:
        raise ConfigError(f"the font lacks '{lacking[0]}'", where=str(path), fix="name a font with Chinese characters")
    font_manager.fontManager.addfont(str(path))
    return CjkFont(path, face.family_name)


def _file() -> Path | None:
    named = os.environ.get(FONT_VARIABLE)
    if named:
        return Path(named)
    found = {path.name: path for path in _font_files()}
    return next((found[name] for name in KNOWN if name in found), None)


def _font_files() -> Iterator[Path]:
    for folder in (*map(Path, _FOLDERS), *(Path.home() / name for name in _OWN_FOLDERS)):
        if folder.is_dir():
            yield from (path for path in sorted(folder.rglob("*.[ot]t[fc]")))


def main() -> int:
    """Print the font for Chinese; return the exit code."""
    try:
        font = cjk_font()
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(f"{font.family}: {font.path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
