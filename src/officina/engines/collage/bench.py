"""Where a plan is carried out: the pictures at hand, the picture in work, and what was noted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from officina.engines.collage.album import Album, Look
from officina.engines.collage.box import Box
from officina.engines.collage.framing import Anchor, Size, around, shown
from officina.engines.collage.nets import Nets
from officina.engines.collage.pictures import Picture
from officina.engines.collage.raster import Mask, disc
from officina.engines.collage.refusal import CannotDo
from officina.engines.collage.subject.cutout import Hint, bounds, cut_edges, subject_alpha

_STANDS_OUT = 64


@dataclass(frozen=True, slots=True)
class Canvas:
    """The picture in work, and what of it must stay in sight."""

    picture: Picture
    keep: Box
    anchor: Anchor = Anchor()
    salience: Mask | None = None
    """What stands out in its source, on a small copy."""
    subject: Mask | None = None
    """Where its subject is, once that was found."""
    source: int | None = None
    """The album's picture it came from, None when it came from several."""
    moved: bool = False
    """Whether its pixels are no longer where they are in its source."""

    def framed(self, size: Size) -> Picture:
        """At the asked size, nothing important cropped, nothing stretched."""
        if Size(self.picture.width, self.picture.height) == size:
            return self.picture
        return shown(self.picture, self.part(size), size, self.not_twice)

    @property
    def not_twice(self) -> Mask | None:
        """What must not be seen again where the picture goes on beyond its edges; a small mask is as good."""
        if self.subject is not None or self.salience is None or self.moved:
            return self.subject
        return np.asarray(cv2.dilate((self.salience > _STANDS_OUT).astype(np.uint8) * 255, disc(5)), np.uint8)

    def part(self, size: Size) -> Box:
        """What of the picture is shown at that size; it may reach over the edges."""
        have = Size(self.picture.width, self.picture.height)
        return around(have, size, self._with_air(), self.anchor)

    def _with_air(self) -> Box:
        """What must stay in sight with a little room around it, where it is not cut off anyway."""
        air = 0.05 * max(self.keep.width, self.keep.height)
        keep = Box(
            self.keep.left - (0 if self.anchor.left else air),
            self.keep.top - (0 if self.anchor.top else air),
            self.keep.right + (0 if self.anchor.right else air),
            self.keep.bottom + (0 if self.anchor.bottom else air),
        )
        clear = self.picture.alpha is not None
        return keep if clear else keep.clipped(self.picture.width, self.picture.height)


@dataclass
class Bench:
    """One variant of one run in the making."""

    album: Album
    nets: Nets
    size: Size
    scale: float = 0.5
    variant: int = 0
    step: Callable[[str], None] = lambda _: None
    """Tells the caller what is being done; may stop the run."""
    canvas: Canvas | None = None
    done: list[str] = field(default_factory=list)
    approximate: bool = False
    unused: tuple[int, ...] = ()
    """Pictures that were given and have no part in the result."""

    @property
    def blend(self) -> float:
        """How much of an effect to mix in: all of it from scale 0.5 on."""
        return min(self.scale * 2, 1.0)

    @property
    def emphasis(self) -> float:
        """0 up to scale 0.5, then rising to 1."""
        return max(self.scale * 2 - 1, 0.0)

    def one_picture(self, number: int | None) -> Canvas:
        """What an operation on a single picture works on; CannotDo when it is not clear which."""
        if self.canvas is not None:
            if number is not None and self.canvas.source not in (None, number - 1):
                raise CannotDo(
                    "the prompt treats two pictures apart, and one result can only show one of them"
                )
            return self.canvas
        if number is not None and not 1 <= number <= len(self.album):
            raise CannotDo(f"there is no picture {number}: {len(self.album)} were given")
        if number is None and len(self.album) > 1:
            raise CannotDo(
                f"{len(self.album)} pictures were given and the prompt does not say which one to edit; "
                "say “picture 1”, or send one picture"
            )
        return self.opened((number or 1) - 1)

    def opened(self, index: int) -> Canvas:
        """A picture as it came, framed around what stands out in it; looked at only if it will be cropped."""
        picture = self.album.picture(index)
        if abs(picture.width / self.size.width - picture.height / self.size.height) * self.size.height < 1:
            whole = Box(0, 0, picture.width, picture.height)
            return Canvas(picture, whole, Anchor(left=True, top=True, right=True, bottom=True), source=index)
        look = self.album.look(index)
        picture = self.album.picture(index)
        return Canvas(picture, look.salient, _anchor_of(look), look.salience, source=index)

    def look(self, canvas: Canvas) -> Look:
        """What is in the canvas, in its own pixels."""
        if canvas.source is None or canvas.moved:
            return self.album.looked(canvas.picture)
        return self.album.look(canvas.source)

    def with_subject(self, canvas: Canvas) -> Canvas:
        """The canvas with its subject found; CannotDo when nothing stands out."""
        if canvas.subject is not None:
            return canvas
        self.step("finding the subject")
        known = None if canvas.moved else canvas.source
        hint = Hint() if known is None else self.album.look(known).whole_hint()
        alpha = self.album.once(
            ("subject", known) if known is not None else object(),
            lambda: subject_alpha(canvas.picture, self.nets, hint),
        )
        if alpha is None:
            raise CannotDo("nothing in the picture stands out clearly enough to be cut out")
        return replace(canvas, subject=alpha, keep=bounds(alpha), anchor=cut_edges(alpha))


def _anchor_of(look: Look) -> Anchor:
    box = look.salient
    return Anchor(box.left <= 2, box.top <= 2, box.right >= look.width - 2, box.bottom >= look.height - 2)
