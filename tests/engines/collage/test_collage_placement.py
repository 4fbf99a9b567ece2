"""Where subjects land: geometry alone, on cut-outs made on the spot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from officina.engines.collage.box import Box
from officina.engines.collage.framing import Size
from officina.engines.collage.plan import Compose, Mention
from officina.engines.collage.raster import Mask
from officina.engines.collage.refusal import CannotDo
from officina.engines.collage.scene.figures import stays_upright
from officina.engines.collage.scene.placement import check_bearable, place
from officina.engines.collage.scene.stage import Figure, Spot, Stage
from officina.engines.collage.scene.view import open_frame, view_of
from officina.engines.collage.subject.cutout import Cutout
from officina.engines.collage.subject.ending import footed, grounded
from officina.engines.collage.things import thing

SIZES = [
    Size(*pair)
    for pair in [
        (1024, 1024), (2048, 2048), (2304, 1728), (2496, 1664), (2560, 1440), (3024, 1296),
        (4096, 4096), (4694, 3520), (4992, 3328), (5404, 3040), (6198, 2656),
    ]
]  # fmt: skip
SCENES = [Size(2400, 1800), Size(1200, 2400), Size(3000, 1000), Size(16, 16)]
WHOLE = Cutout(
    np.full((300, 100, 3), 90, np.uint8), np.full((300, 100), 255, np.uint8), Box(0, 0, 100, 300),
    cut_bottom=False, cut_left=False, cut_right=False, cut_top=False,
)  # fmt: skip
BUST = replace(WHOLE, cut_bottom=True)


def figure(name: str = "person", cut: Cutout = WHOLE) -> Figure:
    return Figure(cut, thing(name), name)


def stage(scene: Size, size: Size, target: str = "meadow", box: Box | None = None) -> Stage:
    salient = Box(0.3 * scene.width, 0.3 * scene.height, 0.6 * scene.width, 0.7 * scene.height)
    return Stage(scene.width, scene.height, thing(target), box, open_frame(scene, size, salient))


def wish(relation: str = "on", side: str | None = None) -> Compose:
    return Compose((Mention("person", "person"),), relation, Mention("meadow", "meadow"), side)


@pytest.mark.parametrize("scene", SCENES, ids=str)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_scene_in_the_open_is_never_extended_nor_stretched(scene: Size, size: Size) -> None:
    set_ = stage(scene, size)
    for cut in (WHOLE, BUST):
        spots = place([figure(cut=cut)], wish(), set_)
        part = view_of(set_, spots, size).part
        assert part.left >= -0.01 and part.top >= -0.01
        assert part.right <= scene.width + 0.01 and part.bottom <= scene.height + 0.01
        assert part.width / part.height == pytest.approx(size.aspect)
        assert spots[0].box.top >= part.top - 0.01
        assert spots[0].box.left >= part.left - 0.01 and spots[0].box.right <= part.right + 0.01


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_subject_cut_off_below_ends_at_the_lower_edge(size: Size) -> None:
    set_ = stage(SCENES[0], size)
    (spot,) = place([figure(cut=BUST)], wish(), set_)
    assert spot.at_edge and not spot.touches
    assert view_of(set_, [spot], size).mapped(spot.box).bottom == pytest.approx(size.height)


def test_subjects_beside_each_other_keep_their_sizes_of_the_world() -> None:
    man, giraffe = place([figure(), figure("giraffe")], wish(), stage(SCENES[0], SIZES[2]))
    assert giraffe.box.height / man.box.height == pytest.approx(5.0 / 1.7, rel=0.02)


def test_nine_subjects_do_not_hide_each_other() -> None:
    names = ["person", "dog", "cat", "horse", "cup", "person", "dog", "sheep", "chair"]
    spots = place([figure(name) for name in names], wish(), stage(SCENES[0], SIZES[4]))
    for i, one in enumerate(spots):
        for other in spots[:i]:
            if one.box.bottom == other.box.bottom:
                assert one.box.right <= other.box.left + 0.01 or other.box.right <= one.box.left + 0.01


def test_the_asked_side_is_the_side_of_the_target() -> None:
    box = Box(1000, 700, 1400, 1200)
    set_ = stage(SCENES[0], SIZES[0], "chair", box)
    (left,) = place([figure("dog")], wish("beside", "left"), set_)
    (right,) = place([figure("dog")], wish("beside", "right"), set_)
    assert left.box.right <= box.left + 1
    assert right.box.left >= box.right - 1


def test_what_flies_is_above_the_target_and_touches_nothing() -> None:
    box = Box(1000, 900, 1400, 1200)
    (spot,) = place([figure("bird")], wish("above"), stage(SCENES[0], SIZES[0], "chair", box))
    assert spot.box.bottom < box.top
    assert not spot.touches


@pytest.mark.parametrize(
    ("one", "relation", "target", "said"),
    [
        (figure("dog"), "above", "chair", "would float"),
        (figure("dog"), "in", "sky", "would float"),
        (figure(cut=BUST), "on", "bench", "lower edge"),
        (figure("bird", BUST), "above", "chair", "lower edge"),
        (figure("dog", replace(WHOLE, cut_left=True)), "on", "bench", "side of that picture"),
        (figure("dog", replace(WHOLE, cut_left=True, cut_right=True)), "on", "meadow", "both sides"),
    ],
)
def test_what_would_end_in_mid_air_is_refused(one: Figure, relation: str, target: str, said: str) -> None:
    box = None if thing(target).shape == "place" else Box(1000, 900, 1400, 1200)
    with pytest.raises(CannotDo, match=said):
        place([one], wish(relation), stage(SCENES[0], SIZES[0], target, box))


@pytest.mark.parametrize(("relation", "target"), [("in", "chair"), ("behind", "wall")])
def test_what_cannot_be_told_apart_bears_nothing(relation: str, target: str) -> None:
    with pytest.raises(CannotDo):
        check_bearable(relation, thing(target))


def test_a_mirrored_figure_is_cut_off_at_the_other_side() -> None:
    mirrored = figure(cut=replace(WHOLE, cut_left=True)).mirrored()
    assert mirrored.cut.cut_right and not mirrored.cut.cut_left
    (spot,) = place([mirrored], wish(), set_ := stage(SCENES[0], SIZES[0]))
    assert spot.box.right == pytest.approx(set_.frame.right)


def test_a_bust_with_cut_off_shoulders_ends_above_them() -> None:
    alpha = np.zeros((300, 200), np.uint8)
    alpha[:220, 60:140] = 255
    alpha[220:] = 255
    cut = Cutout(
        np.zeros((300, 200, 3), np.uint8), alpha, Box(0, 0, 200, 300),
        cut_bottom=True, cut_left=True, cut_right=True, cut_top=False,
    ).without_cut_sides()  # fmt: skip
    assert (cut.width, cut.height) == (80, 220)
    assert cut.cut_bottom and not cut.cut_left and not cut.cut_right


def test_variants_stand_elsewhere() -> None:
    set_ = stage(SCENES[0], SIZES[0])
    places = {round(place([figure()], wish(), set_, variant)[0].box.left) for variant in range(5)}
    assert len(places) == 5


def test_who_stands_in_the_picture_is_not_said_to_sit() -> None:
    bench = stage(Size(1000, 800), SIZES[0], "bench", Box(200, 400, 800, 700))
    sitting = replace(wish(), pose="sitting")
    low = replace(WHOLE, pixels=WHOLE.pixels[:150], alpha=WHOLE.alpha[:150])
    assert stays_upright(figure(), sitting, bench)
    assert not stays_upright(figure(), wish(), bench), "nobody asked for it"
    assert not stays_upright(figure(cut=low), sitting, bench), "she may well sit"
    assert not stays_upright(figure(cut=BUST), sitting, bench), "her legs are not seen"
    assert not stays_upright(figure("bottle"), sitting, bench), "things have no pose"


def test_nobody_is_put_before_who_is_there_already() -> None:
    set_ = replace(stage(SCENES[0], SIZES[4]), occupied=occupied(0.4, 0.6))
    (alone,), (aside,) = (
        place([figure()], wish(), stage(SCENES[0], SIZES[4])),
        place([figure()], wish(), set_),
    )
    assert set_.taken(alone.box) > 0.9
    assert set_.taken(aside.box) < 0.25


def test_an_asked_side_is_kept_whoever_is_there() -> None:
    set_ = replace(stage(SCENES[0], SIZES[4]), occupied=occupied(0.0, 0.5))
    (spot,) = place([figure()], wish(side="left"), set_)
    assert spot.box.center[0] < SCENES[0].width / 2


def test_who_is_on_a_seat_has_the_head_inside_the_scene() -> None:
    seat = Box(800, 300, 1500, 1700)
    (spot,) = place([figure()], wish(), stage(SCENES[0], SIZES[1], "chair", seat))
    assert spot.box.top >= 0


def test_where_there_is_no_room_for_a_head_the_placing_is_refused() -> None:
    seat = Box(800, 0, 1500, 500)
    with pytest.raises(CannotDo, match="no room"):
        place([figure()], wish(), stage(SCENES[0], SIZES[1], "chair", seat))


@pytest.mark.parametrize(("width", "share"), [(1500, 0.2), (300, 0.2)])
def test_a_small_boat_is_seen_from_nearer(width: int, share: float) -> None:
    spots, set_ = on_boat(width)
    view = view_of(set_, spots, SIZES[4])
    assert view.mapped(spots[0].box).height / SIZES[4].height >= share - 0.01


def test_on_a_boat_at_the_horizon_nobody_is_placed() -> None:
    spots, set_ = on_boat(24)
    with pytest.raises(CannotDo, match="from nearer"):
        view_of(set_, spots, SIZES[4])


def on_boat(width: int) -> tuple[tuple[Spot, ...], Stage]:
    box = Box(1200 - width / 2, 1200, 1200 + width / 2, 1200 + 0.4 * width)
    per_m = width / thing("boat").width_m
    at = Box(1200 - 0.3 * per_m, box.top - 1.2 * per_m, 1200 + 0.3 * per_m, box.top + 0.5 * per_m)
    return (Spot(at, hidden=True),), stage(SCENES[0], SIZES[4], "boat", box)


def occupied(left: float, right: float) -> Mask:
    mask = np.zeros((60, 80), np.uint8)
    mask[:, round(80 * left) : round(80 * right)] = 255
    return mask


def body(rows: list[tuple[int, int]]) -> Cutout:
    """A figure of 100 columns: for each part its height and how wide it is there."""
    widths = np.concatenate([np.full(height, width) for height, width in rows])
    alpha = (np.abs(np.arange(100)[None] - 49.5) * 2 < widths[:, None]).astype(np.uint8) * 255
    box = Box(0, 0, 100, len(widths))
    return replace(WHOLE, pixels=np.full((*alpha.shape, 3), 90, np.uint8), alpha=alpha, box=box)


STANDING = body([(40, 30), (10, 14), (120, 70), (130, 40)])
TRUNK = body([(60, 40), (10, 20), (110, 90), (10, 4)])


def test_somebody_whose_legs_are_lost_is_a_bust() -> None:
    seen = Box(0, 0, 100, 300)
    cut = grounded(TRUNK, thing("person"), seen, 400)
    assert cut.cut_bottom and cut.height <= 180
    assert np.count_nonzero(cut.alpha[-1] > 128) >= 50


def test_somebody_seen_with_feet_stays_whole() -> None:
    assert grounded(STANDING, thing("person"), Box(0, 0, 100, 302), 400) is STANDING
    assert footed(STANDING, thing("person")) == (STANDING, False)


def test_a_trunk_without_feet_rises_from_the_lower_edge() -> None:
    cut, footless = footed(TRUNK, thing("person"))
    assert footless and not cut.cut_bottom
    (spot,) = place([replace(figure(cut=cut), footless=True)], wish(), stage(SCENES[0], SIZES[1]))
    assert spot.at_edge


def test_a_trunk_without_feet_beside_a_thing_rises_from_the_lower_edge_as_well() -> None:
    bust = replace(figure(cut=TRUNK), footless=True)
    (spot,) = place([bust], wish("beside"), stage(SCENES[0], SIZES[1], "car", Box(300, 700, 1300, 1300)))
    assert spot.at_edge
