"""What a file is, from its first bytes: its type, and a picture's size before the rest has arrived."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from pathlib import Path

import msgspec

from officina.errors import RunError
from officina.model import MediaKind
from officina.picture_header import PARSERS, BadHeader, Header

MAX_PIXELS = 100_000_000
"""No picture with more pixels is decoded, whatever the schema says: 300 MB as 8-bit RGB."""

SNIFF_BYTES = 64
"""So many first bytes are enough for `sniff`."""

PROBED = frozenset(PARSERS)
"""The picture formats whose header can be read here; a model can accept no others."""

_BLOCK_BYTES = 2**16
_MAX_PART_BYTES = 2**20
_MAX_STEPS = 10_000


class FileType(msgspec.Struct, frozen=True):
    """A type of file: our name for it, the wire's, a suffix, which kind of field takes it, and its title."""

    name: str
    mime: str
    suffix: str
    kind: MediaKind
    title: str


class PictureInfo(msgspec.Struct, frozen=True):
    """What a picture's header says; the sizes are those after the turn that EXIF asks for."""

    format: str
    width: int
    height: int
    animated: bool = False
    """As far as the header tells: APNG and WebP do, GIF does not."""
    data_at: int = 0
    """How many bytes the header took; the picture itself lies behind them."""


def sniff(head: bytes) -> FileType | None:
    """Tell a file's type by its first bytes; None for everything that is no picture, video or sound."""
    plain = next((name for magic, name in _MAGIC if head.startswith(magic)), None)
    name = plain or _sniff_riff(head) or _sniff_boxes(head) or _sniff_matroska(head) or _sniff_bmp(head)
    return TYPES[name] if name else None


def probe(path: Path) -> PictureInfo:
    """Read the header of a picture file.

    Raises:
        RunError: `not_a_picture`, `picture_format` for a type without a header parser, or `picture_damaged`.
    """
    with path.open("rb") as file:
        block = file.read(_BLOCK_BYTES)
        kind = sniff(block)
        if kind is None or kind.kind != "image":
            raise RunError("not_a_picture", "the file is not a picture; use a JPEG or PNG file.")
        header = HeaderProbe(kind.name)
        while header.feed(block) is None and (block := file.read(_BLOCK_BYTES)):
            pass
    return header.end()


def check_pixels(info: PictureInfo) -> None:
    """Refuse a picture that would take too much memory to decode.

    Raises:
        RunError: `picture_too_large`.
    """
    if info.width * info.height > MAX_PIXELS:
        raise RunError(
            "picture_too_large",
            f"the picture has {info.width} x {info.height} pixels, more than this server decodes"
            f" ({MAX_PIXELS // 10**6} million); make it smaller.",
            measured=info.width * info.height,
            limit=MAX_PIXELS,
        )


def check_whole(path: Path, info: PictureInfo) -> None:
    """Refuse a picture whose end is missing, without decoding it; bytes behind the end are no harm.

    A cheap look for what a broken-off transfer leaves, in JPEG, PNG and WebP. Damage in the middle shows only
    when the picture is decoded.

    Raises:
        RunError: `picture_damaged`.
    """
    marker = _END_MARKERS.get(info.format)
    if marker is None and info.format != "webp":
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if marker is not None:
            whole = data.rfind(marker, info.data_at) >= 0
        else:
            whole = len(data) >= int.from_bytes(data[4:8], "little") + 8
    if not whole:
        raise _damaged(info.format, "is cut off before its end")


class HeaderProbe:
    """Finds a picture's size in its header while the file is still arriving.

    Parts that say nothing about the size are passed over unread, so a colour profile or an embedded preview
    of any length costs no memory.
    """

    def __init__(self, format: str) -> None:  # noqa: A002
        """Make a probe for a format by its name.

        Raises:
            RunError: `picture_format` when there is no header parser for the format.
        """
        if format not in PROBED:
            title = TYPES[format].title
            raise RunError("picture_format", f"{title} pictures are not taken here; use JPEG or PNG.")
        self._format = format
        self._parser = PARSERS[format]()
        self._buffer = bytearray()
        self._info: PictureInfo | None = None
        self._consumed = self._steps = 0
        self._need, self._skip = 0, 0
        self._ask(None)

    def feed(self, data: bytes) -> PictureInfo | None:
        """Take the next bytes of the file; gives what the header says as soon as it is known.

        Raises:
            RunError: `picture_damaged` when the header makes no sense.
        """
        if self._info is None:
            self._buffer += data
            while self._info is None and self._pass_over() and len(self._buffer) >= self._need:
                self._ask(self._take(self._need))
        return self._info

    def end(self) -> PictureInfo:
        """Say that the file has ended.

        Raises:
            RunError: `picture_damaged` when it ended within its header.
        """
        if self._info is None:
            try:
                self._parser.throw(EOFError())
            except StopIteration as stop:
                return self._finish(stop.value)
            except EOFError:
                pass
            raise _damaged(self._format, "ends within its header")
        return self._info

    def _pass_over(self) -> bool:
        """Drop what the parser does not want; false when more of it is still to come."""
        self._skip -= len(self._take(min(self._skip, len(self._buffer))))
        return self._skip == 0

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._consumed += size
        return taken

    def _ask(self, answer: bytes | None) -> None:
        """Hand the parser what it asked for, and learn what it wants next."""
        self._steps += 1
        try:
            wish = next(self._parser) if answer is None else self._parser.send(answer)
        except StopIteration as stop:
            self._finish(stop.value)
            return
        except BadHeader as error:
            raise _damaged(self._format, str(error)) from None
        self._need, self._skip = max(wish, 0), max(-wish, 0)
        if self._steps > _MAX_STEPS or self._need > _MAX_PART_BYTES:
            raise _damaged(self._format, "has a header that never ends")

    def _finish(self, header: Header) -> PictureInfo:
        self._buffer.clear()
        self._info = PictureInfo(self._format, *header, data_at=self._consumed)
        return self._info


def _damaged(name: str, what: str) -> RunError:
    return RunError("picture_damaged", f"the {TYPES[name].title} picture {what}; save or send it again.")


def _sniff_riff(head: bytes) -> str | None:
    return _RIFF.get(head[8:12]) if head.startswith(b"RIFF") else None


def _sniff_boxes(head: bytes) -> str | None:
    """Tell the files of the MP4 family apart by the brands that they claim."""
    if head[4:8] != b"ftyp":
        return None
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, end, 4))]
    return next((name for name, known in _BRANDS.items() if not known.isdisjoint(brands)), "mp4")


def _sniff_matroska(head: bytes) -> str | None:
    if not head.startswith(b"\x1a\x45\xdf\xa3"):
        return None
    return "webm" if b"webm" in head[:SNIFF_BYTES] else "mkv"


def _sniff_bmp(head: bytes) -> str | None:
    # "BM" alone is too little to go by: the reserved bytes and the size of the inner header must fit too.
    fits = head.startswith(b"BM") and head[6:10] == bytes(4)
    return "bmp" if fits and int.from_bytes(head[14:18], "little") in _BMP_HEADER_BYTES else None


_MAGIC = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"OggS", "ogg"),
    (b"fLaC", "flac"),
    (b"ID3", "mp3"),
    (b"\xff\xfb", "mp3"),
    (b"\xff\xf3", "mp3"),
    (b"\xff\xf2", "mp3"),
)

_RIFF = {b"WEBP": "webp", b"AVI ": "avi", b"WAVE": "wav"}

_BMP_HEADER_BYTES = frozenset({12, 40, 52, 56, 108, 124})

_BRANDS: Mapping[str, frozenset[bytes]] = {
    "avif": frozenset({b"avif", b"avis"}),
    "heic": frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}),
    "mov": frozenset({b"qt  "}),
    "m4a": frozenset({b"M4A ", b"M4B "}),
}

_END_MARKERS = {"jpeg": b"\xff\xd9", "png": b"\0\0\0\0IEND"}

TYPES: Mapping[str, FileType] = {
    each.name: each
    for each in (
        FileType("jpeg", "image/jpeg", ".jpg", "image", "JPEG"),
        FileType("png", "image/png", ".png", "image", "PNG"),
        FileType("webp", "image/webp", ".webp", "image", "WebP"),
        FileType("gif", "image/gif", ".gif", "image", "GIF"),
        FileType("avif", "image/avif", ".avif", "image", "AVIF"),
        FileType("heic", "image/heic", ".heic", "image", "HEIC"),
        FileType("bmp", "image/bmp", ".bmp", "image", "BMP"),
        FileType("tiff", "image/tiff", ".tiff", "image", "TIFF"),
        FileType("mp4", "video/mp4", ".mp4", "video", "MP4"),
        FileType("mov", "video/quicktime", ".mov", "video", "QuickTime"),
        FileType("webm", "video/webm", ".webm", "video", "WebM"),
        FileType("mkv", "video/x-matroska", ".mkv", "video", "Matroska"),
        FileType("avi", "video/x-msvideo", ".avi", "video", "AVI"),
        FileType("mp3", "audio/mpeg", ".mp3", "audio", "MP3"),
        FileType("m4a", "audio/mp4", ".m4a", "audio", "M4A"),
        FileType("wav", "audio/wav", ".wav", "audio", "WAV"),
        FileType("ogg", "audio/ogg", ".ogg", "audio", "Ogg"),
        FileType("flac", "audio/flac", ".flac", "audio", "FLAC"),
    )
}
"""Every type that `sniff` knows, by name."""
