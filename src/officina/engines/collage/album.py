"""The caller's pictures: read when needed, looked at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar, cast

import numpy as np

from officina.engines.collage.box import Box
from officina.engines.collage.nets import Detection, Nets
from officina.engines.collage.pictures import Picture, read
from officina.engines.collage.raster import Mask
from officina.engines.collage.subject.cutout import Hint, bounds
from officina.engines.collage.things import Thing

Found = TypeVar("Found")
LOOK_SIDE = 640
SOLID = frozenset(("car", "bus", "truck", "train"))
"""What nobody can look through below, although its wheels are dark."""
SEEN_SCORE = 0.2
"""From here on the detector is believed when the prompt names the thing."""
AKIN_SCORE = 0.35
"""From here on it is believed that a thing was taken for another that it resembles."""
SURE_SCORE = 0.6
"""Beyond it the detector is right: what is so surely a dog is no cat."""
COUNTED_SCORE = 0.3
"""From here on a thing counts when the prompt says how many."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one glance at a picture tells; boxes are in the picture's own pixels."""

    width: int
    height: int
    detections: tuple[Detection, ...]
    salience: Mask
    """On a small copy of the picture."""
    salient: Box
    has_alpha: bool

    def best(self, thing: Thing) -> Detection | None:
        """The most convincing and largest thing of that kind, or of one that it is often taken for."""
        return max(self._seen(thing), key=self.weight, default=None)

    def _seen(self, thing: Thing) -> list[Detection]:
        own = [d for d in self.detections if d.kind in thing.kinds and self._believed(d)]
        most = SURE_SCORE if thing.kinds else 1.0
        akin = [d for d in self.detections if d.kind in thing.akin and AKIN_SCORE <= d.score <= most]
        return own or [d for d in akin if self._believed(d)]

    def instances(self, thing: Thing) -> tuple[Detection, ...]:
        """All things of that kind that can be told apart, most convincing first."""
        found = sorted(self._seen(thing), key=lambda d: (-self.weight(d), d.box.left))
        least = 0.5 * found[0].score if found else 0.0
        return tuple(d for d in found if d.score >= max(COUNTED_SCORE, least))

    def _believed(self, detection: Detection) -> bool:
        """Clear enough, and not plainly something else."""
        return detection.score >= SEEN_SCORE and not any(
            other.kind != detection.kind
            and other.score > 2.5 * detection.score
            and other.box.overlap(detection.box) > 0.5
            for other in self.detections
        )

    def doubtful(self, detection: Detection) -> bool:
        """Whether the same place looks even more like something else."""
        return any(
            other.kind != detection.kind
            and other.score > detection.score
            and other.box.overlap(detection.box) > 0.5
            for other in self.detections
        )

    def box_of(self, thing: Thing) -> Box | None:
        """Where it is; all of them together when the word means several."""
        best = self.best(thing)
        if best is None:
            return None
        box = best.box
        for other in self.detections if thing.plural else ():
            if other.kind == best.kind and other.score >= max(0.35, 0.5 * best.score):
                box = box.united(other.box)
        return box

    def hint(self, box: Box | None, kinds: tuple[str, ...] = ()) -> Hint:
        """For cutting out what is in the box: what else is surely there and reaches out of it."""
        if box is None:
            return Hint(salience=self.salience)
        others = (
            d.box
            for d in self.detections
            if d.score >= 0.4 and d.kind not in kinds and d.box.overlap(box) < 0.6
        )
        return Hint(box, tuple(others), self.salience, solid=bool(SOLID & set(kinds)))

    def group_hint(self, thing: Thing, count: int) -> Hint | None:
        """For cutting out that many of a kind together; None when there are fewer."""
        found = self.instances(thing)
        if len(found) < count:
            return None
        box = found[0].box
        for one in found[1:count]:
            box = box.united(one.box)
        others = tuple(d.box for d in found[count:])
        return Hint(box, (*others, *self.hint(box, thing.kinds).others), self.salience)

    def whole_hint(self) -> Hint:
        """For cutting out all that stands out: everything that is surely there belongs to it."""
        sure = [d.box for d in self.detections if d.score >= 0.4 and _mostly_in(d.box, self.salient)]
        box = sure[0] if self.main and sure else None
        for other in sure[1:]:
            box = box.united(other) if box else None
        solid = self.main is not None and self.main.kind in SOLID
        return Hint(box, salience=self.salience, solid=solid)

    def weight(self, detection: Detection) -> float:
        """How much a detection counts: by its score, and by how much of the picture it fills."""
        share = detection.box.area / (self.width * self.height)
        return float(detection.score * (0.25 + min(share, 0.5) ** 0.5))

    @property
    def main(self) -> Detection | None:
        """What the picture is of, if the detector is sure and it is what stands out."""
        sure = [d for d in self.detections if d.score >= 0.4 and d.box.overlap(self.salient) > 0.25]
        return max(sure, key=self.weight, default=None)


def _mostly_in(box: Box, area: Box) -> bool:
    x, y = box.center
    return area.left <= x <= area.right and area.top <= y <= area.bottom


class Album:
    """The pictures of one run."""

    def __init__(self, paths: Sequence[Path], nets: Nets, longest: int):
        self._paths = tuple(paths)
        self._nets = nets
        self._longest = longest
        self._pictures: dict[int, Picture] = {}
        self._looks: dict[int, Look] = {}
        self._found: dict[object, Any] = {}
        self._reading = Lock()

    def __len__(self) -> int:
        return len(self._paths)

    def picture(self, index: int) -> Picture:
        """The pixels of a picture; the last three are kept."""
        with self._reading:
            if index not in self._pictures:
                self._keep(index, read(self._paths[index], index, self._longest))
            return self._pictures[index]

    def _keep(self, index: int, picture: Picture) -> None:
        while len(self._pictures) >= 3:
            del self._pictures[next(iter(self._pictures))]
        self._pictures[index] = picture

    def look(self, index: int) -> Look:
        """What is in a picture."""
        if index not in self._looks:
            self._looks[index] = self.looked(self.picture(index))
        return self._looks[index]

    def look_at_all(self, step: Callable[[str], None]) -> None:
        """Look at every picture, two at a time: reading one and thinking about another share the cores."""
        unseen = [index for index in range(len(self)) if index not in self._looks]
        if len(unseen) < 2:
            return
        with ThreadPoolExecutor(2) as pool:
            glances = {index: pool.submit(self._glance, index) for index in unseen}
            try:
                for index in unseen:
                    step(f"looking at picture {index + 1}")
                    self._looks[index], picture = glances.pop(index).result()
                    self._keep(index, picture)
            finally:
                for glance in glances.values():
                    glance.cancel()

    def _glance(self, index: int) -> tuple[Look, Picture]:
        picture = self._pictures.get(index) or read(self._paths[index], index, self._longest)
        return self.looked(picture), picture

    def once(self, key: object, find: Callable[[], Found]) -> Found:
        """What was found for that key before, or is now: variants of a run share their cut-outs."""
        if key not in self._found:
            self._found[key] = find()
        return cast("Found", self._found[key])

    def looked(self, picture: Picture) -> Look:
        """What is in a picture that is not, or no longer, one of the album."""
        small = picture.reduced(LOOK_SIDE)
        back = picture.width / small.width
        salience = small.alpha if small.alpha is not None else self._nets.salient(small.pixels)
        found = self._nets.detect(small.pixels)
        size = (picture.width, picture.height)
        clear = np.where(salience > 127, salience, 0).astype(np.uint8)
        return Look(
            *size,
            tuple(Detection(d.kind, d.score, d.box.scaled(back).clipped(*size)) for d in found),
            salience,
            bounds(clear).scaled(back).clipped(*size),
            picture.alpha is not None,
        )
