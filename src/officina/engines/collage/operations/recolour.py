"""Give one object another colour."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from officina.engines.collage.bench import Bench, Canvas
from officina.engines.collage.box import Box
from officina.engines.collage.paint.bands import in_bands
from officina.engines.collage.paint.sheet import closer_by_variant, named, painted
from officina.engines.collage.pictures import Picture
from officina.engines.collage.plan import Mention, Recolour
from officina.engines.collage.raster import Floats, Mask, Pixels, masked, resized, shares
from officina.engines.collage.refusal import CannotDo
from officina.engines.collage.subject.cutout import subject_alpha
from officina.engines.collage.things import thing

_WORK_SIDE = 900
_GREY = 13.0
"""Chroma in Lab below which a colour counts as grey."""
_LEAST_OF_OBJECT = 0.30
"""The share of the object that must be of one colour."""
_LEAST_OF_VEHICLE = 0.06
"""The same of what is painted only in parts; the rest is metal, glass and tyres."""
_SURE_PERSON, _MOST_PEOPLE = 0.4, 3
"""From which score on somebody is seen before an object, and how many are looked at, the largest first."""
_VEHICLES = ("car", "motorcycle", "bicycle", "bus", "truck", "train", "airplane", "boat")
_LEAST_GREY = 0.75
_SAME = 16.0
"""How far apart in Lab, lightness at half weight, two colours must be to be different."""
_DARK = 16.0


@dataclass(frozen=True, slots=True)
class _Colour:
    """The colour an object has: its place in Lab, and how chromatic it is."""

    lab: Floats
    chroma: float


def recolour(operation: Recolour, bench: Bench) -> Canvas:
    """The object's main colour turns into the asked one; light and shade on it stay. All or nothing.

    Found by the detector's box, what stands out in it, and its commonest hue; moved in Lab, chroma in
    proportion, after Reinhard and others, "Color transfer between images" (2001).
    """
    picture = operation.picture if operation.picture is not None else operation.target.picture
    canvas = bench.one_picture(picture)
    word = operation.target.word or "subject"
    bench.step(f"finding the {word}")
    small = canvas.picture.reduced(_WORK_SIDE)
    body = shares(resized(_body(canvas, operation, bench), (small.width, small.height)))
    lab = _lab(small.pixels)
    own = _main_colour(lab, body, operation.target)
    target = _lab(np.array([[operation.colour]], np.uint8))[0, 0]
    _check_different(own, target, operation, word)
    share = _share_of(lab, body, own)
    bench.step("recolouring")
    pixels = _moved(canvas.picture.pixels, masked(share), own, target, bench)
    colour = operation.colour_name or "#{:02x}{:02x}{:02x}".format(*operation.colour)
    bench.done.append(f"made the {word} of {named(canvas)} {colour}")
    bench.approximate = True
    return closer_by_variant(painted(canvas, Picture(pixels, canvas.picture.alpha)), bench)


def _body(canvas: Canvas, operation: Recolour, bench: Bench) -> Mask:
    """Where the object is."""
    word, known = operation.target.word or "subject", thing(operation.target.thing)
    if known.alive:
        raise CannotDo(f"the {word} is alive, and only objects are recoloured")
    look = bench.look(canvas)
    box = look.box_of(known)
    if box is None and known.kinds:
        raise CannotDo(f"no {word} was found in {named(canvas)}")
    if box is None and look.main is not None and look.main.kind == "person":
        raise CannotDo(f"no {word} was found in {named(canvas)}, which shows a person")
    alpha = subject_alpha(canvas.picture, bench.nets, look.hint(box, known.kinds))
    if alpha is None:
        raise CannotDo(f"the {word} of {named(canvas)} does not stand out clearly enough to be recoloured")
    if box is not None:
        within = np.zeros_like(alpha)
        area = box.padded(0.04).clipped(canvas.picture.width, canvas.picture.height)
        part = slice(round(area.top), round(area.bottom)), slice(round(area.left), round(area.right))
        within[part] = alpha[part]
        alpha = _without_people(within, box, canvas, bench)
    return alpha


def _without_people(alpha: Mask, box: Box, canvas: Canvas, bench: Bench) -> Mask:
    """Without whoever stands before the object, and may be dressed in its colour."""
    look = bench.look(canvas)
    people = [d for d in look.detections if d.kind == "person" and d.score >= _SURE_PERSON]
    before = sorted((d for d in people if d.box.overlap(box) > 0), key=lambda d: -d.box.area)
    for person in before[:_MOST_PEOPLE]:
        own = subject_alpha(canvas.picture, bench.nets, look.hint(person.box, ("person",)))
        area = person.box.padded(0.05).clipped(canvas.picture.width, canvas.picture.height)
        part = slice(round(area.top), round(area.bottom)), slice(round(area.left), round(area.right))
        if own is not None:
            alpha[part] = cv2.subtract(alpha[part], np.ascontiguousarray(own[part]))
    return alpha


def _lab(pixels: Pixels) -> Floats:
    """Lightness 0 to 100, and the two axes of colour."""
    return np.asarray(cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2Lab), np.float32)


def _main_colour(lab: Floats, body: Floats, target: Mention) -> _Colour:
    """The commonest hue of the object, or grey if it has none; CannotDo when it is a medley."""
    word = target.word or "subject"
    vehicle = bool(set(thing(target.thing).kinds) & set(_VEHICLES))
    least = _LEAST_OF_VEHICLE if vehicle else _LEAST_OF_OBJECT
    sure = body > 0.6
    inside = lab[sure]
    if len(inside) < 200:
        raise CannotDo(f"the {word} does not stand out clearly enough to be recoloured")
    chroma = np.hypot(inside[:, 1], inside[:, 2])
    coloured = chroma > _GREY
    if float(np.mean(coloured)) < min(least, 1 - _LEAST_GREY):
        light = np.median(inside[~coloured], axis=0).astype(np.float32)
        if light[0] < _DARK:
            raise CannotDo(f"the {word} is too dark to take another colour")
        return _Colour(light, float(np.hypot(light[1], light[2])))
    hues = np.degrees(np.arctan2(inside[:, 2], inside[:, 1])) % 360
    counts, _ = np.histogram(hues[coloured], 72, (0, 360), weights=chroma[coloured])
    window = sum(np.roll(counts, turn) for turn in range(-3, 4))
    hue = 5 * int(np.argmax(window)) + 2.5
    alike = coloured & (_apart(hues, hue) < 24)
    if float(np.mean(alike)) < least:
        raise CannotDo(f"the {word} has no main colour that could be changed")
    found = np.median(inside[alike], axis=0).astype(np.float32)
    return _Colour(found, float(np.hypot(found[1], found[2])))


def _apart(hues: Floats, hue: float) -> Floats:
    return np.asarray(np.abs((hues - hue + 180) % 360 - 180), np.float32)


def _check_different(own: _Colour, target: Floats, operation: Recolour, word: str) -> None:
    apart = float(
        np.hypot(np.hypot(own.lab[1] - target[1], own.lab[2] - target[2]), 0.5 * (own.lab[0] - target[0]))
    )
    hue = np.degrees(np.arctan2(target[2], target[1])) - np.degrees(np.arctan2(own.lab[2], own.lab[1]))
    same_hue = (
        own.chroma > 1.6 * _GREY and np.hypot(target[1], target[2]) > 1.6 * _GREY and _apart(hue, 0.0) < 18
    )
    if apart < _SAME or (same_hue and abs(own.lab[0] - target[0]) < 25):
        raise CannotDo(f"the {word} is {operation.colour_name or 'of that colour'} already")


def _share_of(lab: Floats, body: Floats, own: _Colour) -> Floats:
    """How much of each pixel takes the new colour."""
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    if own.chroma <= _GREY:
        like = np.clip((1.9 * _GREY - chroma) / _GREY, 0, 1) * np.clip((lab[..., 0] - 6) / 10, 0, 1)
    else:
        hues = np.degrees(np.arctan2(lab[..., 2], lab[..., 1]))
        own_hue = float(np.degrees(np.arctan2(own.lab[2], own.lab[1])))
        like = np.clip((46 - _apart(hues, own_hue)) / 18, 0, 1) * np.clip((chroma - 4) / 8, 0, 1)
    reach = max(round(0.006 * max(body.shape)), 1)
    wide = cv2.GaussianBlur(cv2.dilate(body, np.ones((2 * reach + 1,) * 2, np.uint8)), (0, 0), reach)
    return np.asarray(cv2.GaussianBlur((like * wide).astype(np.float32), (0, 0), 0.8), np.float32)


def _moved(pixels: Pixels, share: Mask, own: _Colour, target: Floats, bench: Bench) -> Pixels:
    """Each pixel's own distance from the old colour is kept around the new one."""
    height, width = pixels.shape[:2]
    wide = resized(share, (width, height))
    result = pixels.copy()
    vivid = (1 + 0.25 * bench.emphasis) * (1.0, 0.8, 1.2, 0.9, 1.1)[bench.variant % 5]
    lift = 0.75 * (target[0] - own.lab[0])

    def work(rows: slice) -> None:
        weight = wide[rows]
        if not weight.any():
            return
        lab = _lab(pixels[rows])
        chroma = np.hypot(lab[..., 1], lab[..., 2])
        if own.chroma > _GREY:
            ratio = np.clip(chroma / own.chroma, 0, 1.5)
        else:
            ratio = np.clip(1.15 - np.abs(lab[..., 0] - own.lab[0]) / 110, 0.3, 1)
        light = np.clip(1 - np.abs(lab[..., 0] - 50) / 50, 0, 1) ** 0.5
        lab[..., 0] = np.clip(lab[..., 0] + lift * np.minimum(light * 1.3, 1), 0, 100)
        lab[..., 1], lab[..., 2] = target[1] * ratio * vivid, target[2] * ratio * vivid
        turned = np.clip(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB), 0, 1) * 255
        part = weight[..., None].astype(np.float32) / 255
        result[rows] = pixels[rows] * (1 - part) + turned * part + 0.5

    in_bands(height, work)
    return result
