"""What the detector takes for something else, gaps in what is solid, and pictures that go on beyond their edges."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from officina.engines.collage.album import Look
from officina.engines.collage.bench import Canvas
from officina.engines.collage.box import Box
from officina.engines.collage.framing import Size
from officina.engines.collage.nets import Detection
from officina.engines.collage.pictures import Picture
from officina.engines.collage.subject.cutout import closed
from officina.engines.collage.things import thing

SPOT = Box(20, 20, 80, 90)


def look(kind: str, score: float) -> Look:
    return Look(
        100, 100, (Detection(kind, score, SPOT),), np.zeros((10, 10), np.uint8), SPOT, has_alpha=False
    )


@pytest.mark.parametrize(
    ("name", "kind", "score"), [("deer", "cow", 0.5), ("deer", "horse", 0.9), ("chair", "toilet", 0.5)]
)
def test_a_thing_is_found_under_the_name_the_detector_gives_it(name: str, kind: str, score: float) -> None:
    assert look(kind, score).box_of(thing(name)) == SPOT


@pytest.mark.parametrize(
    ("name", "kind", "score"), [("cat", "dog", 0.9), ("deer", "cow", 0.2), ("deer", "car", 0.9)]
)
def test_what_is_surely_something_else_is_not_the_thing(name: str, kind: str, score: float) -> None:
    assert look(kind, score).box_of(thing(name)) is None


def test_what_is_dark_between_a_car_and_its_wheels_is_the_cars() -> None:
    rough = np.zeros((100, 200), np.float32)
    rough[20:60, 10:190] = 1
    rough[68:80, 40:52] = rough[68:80, 150:162] = 1
    whole = closed(rough, Box(10, 20, 190, 80))
    assert whole[62:66, 44:48].min() > 0.9
    assert whole[70:80, 90:110].max() < 0.5, "what is between the wheels is the road"


@pytest.mark.parametrize("told", [True, False])
def test_a_picture_goes_on_without_a_second_subject(told: bool) -> None:
    pixels = np.full((200, 200, 3), 200, np.uint8)
    pixels[20:, 10:190] = (10, 10, 10)
    salience = cv2.resize(255 - pixels[..., 0], (320, 320)) // 2
    keep = Box(2, 6, 198, 200)
    whole = Canvas(Picture(pixels), keep, salience=salience if told else None)
    above = whole.framed(Size(200, 300)).pixels[:30]
    assert (int(above.min()) > 170) is told
