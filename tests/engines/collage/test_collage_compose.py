"""Subjects placed into scenes: who is who, where they land, and what stays in front."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from officina.engines.collage.album import Album
from officina.engines.collage.nets import Nets
from officina.engines.collage.pictures import read
from officina.engines.collage.plan import Mention
from officina.engines.collage.scene.roles import Roles, cast
from officina.engines.collage.scene.vessel import vessel
from officina.engines.collage.things import thing
from officina.errors import RunError

PROMPT = "A beautiful girl is sitting on the boat"
GIRL, BOAT = Mention("girl", "person"), Mention("boat", "boat")


@pytest.fixture(scope="module")
def nets() -> Nets:
    return Nets()


@pytest.fixture(scope="module")
def composed(run, portrait: Path, boat: Path):
    return run(PROMPT, [portrait, boat])


def test_the_example_is_understood(composed) -> None:
    assert composed.notes == {
        "understood": ["placed girl of picture 1 on boat of picture 2"],
        "ignored": ["beautiful"],
        "approximate": False,
    }


def test_the_result_is_a_jpeg_of_the_asked_size(composed) -> None:
    assert composed.size == (1024, 1024)
    assert composed.paths[0].name == "output-1.jpg"


def test_progress_rises_to_one(composed) -> None:
    fractions = [fraction for fraction, _ in composed.steps]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert len(fractions) >= 6


def test_the_detector_sees_a_person_aboard(composed, nets: Nets) -> None:
    seen = nets.detect(composed.pixels)
    person = max((d for d in seen if d.kind == "person"), key=lambda d: d.score)
    ship = max((d for d in seen if d.kind == "boat"), key=lambda d: d.score)
    assert person.score > 0.4
    assert ship.box.left < person.box.center[0] < ship.box.right
    assert person.box.bottom < ship.box.bottom
    assert person.box.height > 0.15 * 1024


def test_the_near_side_of_the_boat_stays_before_the_subject(
    composed, run, portrait: Path, boat: Path
) -> None:
    bare = run("put the girl on the boat", [portrait, boat], scale=0.0)
    assert bare.notes["understood"] == ["scale 0: picture 1 was only resized"]
    scene = read(boat, 0, 1024)
    found = next(d for d in Nets().detect(scene.pixels) if d.kind == "boat")
    hull = vessel(scene, found.box, Nets())
    assert hull.inside_seen
    orange = _orange(composed.pixels)
    rows = np.nonzero(orange)[0]
    assert len(rows) > 2000
    factor = 1024 / min(scene.width, scene.height)
    lowest_rim = hull.rim.max() / factor if factor < 1 else hull.rim.max() * factor
    assert np.percentile(rows, 99.5) <= lowest_rim + 6


def _orange(pixels: np.ndarray) -> np.ndarray:
    """The suit: far redder than the wood."""
    red, green, blue = (pixels[..., i].astype(int) for i in range(3))
    return (red > 170) & (red - green > 95) & (green - blue < 60)


def test_the_rim_of_the_drawn_boat_is_found_at_any_size(boat: Path, nets: Nets) -> None:
    heights = []
    for side in (1024, 1500, 2400):
        scene = read(boat, 0, side)
        found = next(d for d in nets.detect(scene.pixels) if d.kind == "boat")
        hull = vessel(scene, found.box, nets)
        middle = (hull.box.left + hull.box.right) / 2
        heights.append(hull.rim_at(middle) / scene.height)
    assert max(heights) - min(heights) < 0.006


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["subject first", "scene first"])
def test_the_order_of_the_pictures_does_not_matter(
    order: tuple[int, int], portrait: Path, boat: Path, nets: Nets
) -> None:
    paths = [(portrait, boat)[i] for i in order]
    roles = cast(Album(paths, nets, 1024), (GIRL,), BOAT)
    assert roles == Roles((order.index(0),), order.index(1))


def test_a_picture_that_is_named_overrides_what_is_seen(portrait: Path, boat: Path, nets: Nets) -> None:
    album = Album([portrait, boat], nets, 1024)
    assert cast(album, (Mention(picture=2),), Mention(picture=1)) == Roles((1,), 0)


def test_the_largest_person_is_the_subject_among_three_pictures(
    portrait: Path, boat: Path, nets: Nets, tmp_path: Path
) -> None:
    grey = tmp_path / "grey.png"
    Image.new("RGB", (300, 200), (128, 128, 128)).save(grey)
    roles = cast(Album([grey, boat, portrait], nets, 1024), (GIRL,), BOAT)
    assert roles == Roles((2,), 1)


def test_the_example_pictures_show_what_they_should(portrait: Path, boat: Path, nets: Nets) -> None:
    album = Album([portrait, boat], nets, 2400)
    person, ship = album.look(0).best(thing("person")), album.look(1).best(thing("boat"))
    assert person is not None
    assert person.score > 0.6
    assert ship is not None
    assert ship.score > 0.5


@pytest.mark.parametrize(
    ("prompt", "count", "said"),
    [
        (PROMPT, 1, "takes 2 pictures"),
        ("The dog is sitting on the boat", 2, "shows a dog"),
        ("The girl is sitting on the bench", 2, "shows a bench"),
        ("The girl of picture 3 is sitting on the boat", 2, "no picture 3"),
        ("Put the girl in the chair of picture 2", 2, "inside a chair"),
        ("black and white", 2, "which one to edit"),
        ("replace the background with a beach", 1, "second picture"),
        ("blur the background of picture 1 and make picture 2 black and white", 2, "two pictures apart"),
        ("make it black and white and put the girl on the boat", 2, "which one to edit"),
        ("the girl, the man, the dog and the cat are on the boat", 2, "takes 5 pictures"),
    ],
)
def test_pictures_that_do_not_allow_it_are_refused_with_a_sentence(
    prompt: str, count: int, said: str, run, portrait: Path, boat: Path
) -> None:
    with pytest.raises(RunError) as caught:
        run(prompt, [portrait, boat][:count])
    assert caught.value.type == "not_understood"
    assert said in caught.value.message
    assert caught.value.run_detail["not_understood"] == [prompt]


def test_a_bust_never_floats(run, portrait: Path, boat: Path) -> None:
    outcome = run("The girl is next to the boat", [portrait, boat])
    last_rows = _orange(outcome.pixels)[-12:]
    assert last_rows.any(axis=0).sum() > 80


def test_the_same_input_gives_the_same_bytes(run, composed, portrait: Path, boat: Path) -> None:
    again = run(PROMPT, [portrait, boat])
    assert again.paths[0].read_bytes() == composed.paths[0].read_bytes()


def test_variations_of_nothing_else_are_the_picture_in_other_moods(run, portrait: Path) -> None:
    outcome = run("three different moods of this portrait", [portrait])
    assert len({path.read_bytes() for path in outcome.paths}) == 3
    assert outcome.notes["understood"][0] == "made picture 1 warmer"


def test_variations_differ(run, portrait: Path, boat: Path) -> None:
    outcome = run("2 variations: the girl is sitting on the boat", [portrait, boat])
    assert [path.name for path in outcome.paths] == ["output-1.jpg", "output-2.jpg"]
    assert outcome.paths[0].read_bytes() != outcome.paths[1].read_bytes()


def test_force_single_gives_one_picture(run, portrait: Path) -> None:
    outcome = run("2 variations in black and white", [portrait], force_single=True)
    assert len(outcome.paths) == 1
    assert outcome.notes["ignored"] == ["2 variations (made 1)"]


def test_inputs_and_outputs_are_fifteen_at_most(run, portrait: Path) -> None:
    outcome = run("15 versions in black and white", [portrait])
    assert len(outcome.paths) == 14
