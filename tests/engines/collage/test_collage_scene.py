"""Scenes painted from plans: what stays in front, who is counted, and odd pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from officina.engines.collage.album import Album
from officina.engines.collage.bench import Bench
from officina.engines.collage.framing import Size
from officina.engines.collage.nets import Nets
from officina.engines.collage.operations.compose import at_table, compose
from officina.engines.collage.pictures import Picture, write
from officina.engines.collage.plan import Compose, Mention
from officina.engines.collage.refusal import CannotDo
from officina.engines.collage.scene.ground import looks_rippled
from officina.engines.collage.scene.sun import light_of
from officina.errors import RunError

GIRL, BOAT, CUP = Mention("girl", "person"), Mention("boat", "boat"), Mention("cup", "cup")
MEADOW = Mention("meadow", "meadow")
SQUARE = Size(640, 640)
COFFEE = Path(__file__).parents[3] / "examples/pictures/coffee.jpg"


@pytest.fixture(scope="module")
def nets() -> Nets:
    return Nets()


@pytest.fixture(scope="module")
def meadow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sky above, grass below, brighter at the left."""
    rng = np.random.default_rng(5)
    pixels = np.empty((480, 640, 3), np.float32)
    pixels[:240], pixels[240:] = (150, 180, 220), (90, 130, 60)
    pixels[:240] += np.linspace(35, -35, 640)[None, :, None]
    pixels += rng.normal(0, 4, pixels.shape)
    path = tmp_path_factory.mktemp("scene") / "meadow.png"
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)
    return path


def bench_of(paths: list[Path], nets: Nets, size: Size = SQUARE) -> Bench:
    return Bench(Album(paths, nets, 1024), nets, size)


def orange(pixels: np.ndarray) -> np.ndarray:
    red, green, blue = (pixels[..., i].astype(int) for i in range(3))
    return (red > 170) & (red - green > 95) & (green - blue < 60)


def test_the_boat_stays_before_who_is_behind_it(portrait: Path, boat: Path, nets: Nets) -> None:
    bench = bench_of([portrait, boat], nets)
    pixels = compose(Compose((GIRL,), "behind", BOAT), bench).picture.pixels
    assert bench.done == ["placed girl of picture 1 behind boat of picture 2"]
    seen = nets.detect(pixels)
    ship = max((d for d in seen if d.kind == "boat"), key=lambda d: d.score)
    rows = np.nonzero(orange(pixels))[0]
    assert len(rows) > 200
    assert np.percentile(rows, 99) < ship.box.center[1]


def test_two_subjects_stand_side_by_side(portrait: Path, meadow: Path, nets: Nets) -> None:
    bench = bench_of([portrait, COFFEE, meadow], nets, Size(1024, 576))
    canvas = compose(Compose((GIRL, CUP), "on", MEADOW), bench)
    assert canvas.picture.pixels.shape == (576, 1024, 3)
    assert len(bench.done) == 2
    red = canvas.picture.pixels[..., 0].astype(int) - canvas.picture.pixels[..., 1] > 60
    columns = np.flatnonzero(red.any(axis=0))
    assert columns[-1] - columns[0] > 300


def test_without_a_scene_of_its_own_one_picture_is_the_scene(portrait: Path, boat: Path, nets: Nets) -> None:
    bench = bench_of([portrait, boat], nets)
    compose(Compose((GIRL, BOAT), "beside", Mention()), bench)
    assert bench.done == ["placed girl of picture 1 beside boat of picture 2"]


def test_a_picture_without_a_part_is_told(portrait: Path, boat: Path, meadow: Path, nets: Nets) -> None:
    bench = bench_of([portrait, boat, meadow], nets)
    compose(Compose((GIRL,), "in", BOAT), bench)
    assert bench.unused == (2,)


@pytest.mark.parametrize(
    ("subjects", "relation", "target", "said"),
    [
        ((Mention("girls", "person", count=2),), "on", MEADOW, "do not show that many"),
        ((Mention("girls", "person", 1, count=2),), "on", MEADOW, "does not show 2 girls"),
        ((Mention("girl", "person", 1),), "on", Mention("meadow", "meadow", 1), "subject and the scene at once"),
        ((GIRL,), "above", MEADOW, "would float"),
        ((GIRL,) * 10, "on", MEADOW, "at most 9"),
    ],
)  # fmt: skip
def test_what_the_pictures_do_not_show_is_refused(
    subjects: tuple[Mention, ...], relation: str, target: Mention, said: str,
    portrait: Path, meadow: Path, nets: Nets,
) -> None:  # fmt: skip
    with pytest.raises(CannotDo, match=said):
        compose(Compose(subjects, relation, target), bench_of([portrait, meadow], nets))


def test_who_would_walk_on_water_is_refused(boat: Path, nets: Nets) -> None:
    with pytest.raises(CannotDo, match="stand on the water"):
        compose(Compose((CUP,), "front", BOAT), bench_of([COFFEE, boat], nets))


@pytest.mark.parametrize("dark", [(30, 30, 32), (48, 32, 12)], ids=["grey", "brown"])
def test_water_need_not_be_blue(boat: Path, tmp_path: Path, nets: Nets, dark: tuple[int, int, int]) -> None:
    path = tmp_path / "dull.png"
    light = tuple(level + 190 for level in dark)
    with Image.open(boat) as opened:
        ImageOps.colorize(opened.convert("L"), dark, light).save(path)
    with pytest.raises(CannotDo, match="stand on the water"):
        compose(Compose((CUP,), "front", BOAT), bench_of([COFFEE, path], nets))


def test_rough_ground_is_no_water() -> None:
    ground = np.random.default_rng(3).normal(120, 25, (60, 800, 3)).clip(0, 255).astype(np.uint8)
    assert not looks_rippled(ground)


def test_variants_differ_in_much(portrait: Path, meadow: Path, nets: Nets) -> None:
    album = Album([portrait, meadow], nets, 1024)
    made = [
        compose(Compose((GIRL,), "on", MEADOW), Bench(album, nets, Size(512, 512), variant=variant)).picture
        for variant in range(3)
    ]
    for other in made[1:]:
        assert np.mean(np.abs(made[0].pixels.astype(int) - other.pixels)) > 4


def test_the_light_comes_from_the_brighter_side(meadow: Path) -> None:
    pixels = np.asarray(Image.open(meadow))
    light, mirrored = light_of(pixels), light_of(np.ascontiguousarray(pixels[:, ::-1]))
    assert light is not None and mirrored is not None
    assert light.sideways > 0 > mirrored.sideways


def test_an_even_sky_tells_nothing_of_the_light() -> None:
    assert light_of(np.full((300, 400, 3), 180, np.uint8)) is None


def odd_pictures() -> dict[str, Image.Image]:
    return {
        "tiny": Image.new("RGB", (16, 16), "red"),
        "black": Image.new("RGB", (300, 300)),
        "white": Image.new("RGB", (300, 300), "white"),
        "clear": Image.new("RGBA", (300, 300), (0, 0, 0, 0)),
        "strip": Image.new("L", (90, 30), 90),
    }


@pytest.mark.parametrize("name", list(odd_pictures()))
@pytest.mark.parametrize(
    "prompt", ["The girl of picture 1 is in the boat", "blur the background of picture 1"]
)
def test_an_odd_picture_gives_a_picture_or_a_clear_refusal(
    name: str, prompt: str, run, boat: Path, tmp_path: Path
) -> None:
    odd = tmp_path / "odd.png"
    odd_pictures()[name].save(odd)
    try:
        outcome = run(prompt, [odd, boat])
    except RunError as refusal:
        said = refusal.type
    else:
        said = str(outcome.size)
    assert said in ("not_understood", "(1024, 1024)")


def test_an_odd_scene_gives_a_picture_or_a_clear_refusal(run, portrait: Path, tmp_path: Path) -> None:
    for name in ("tiny", "black", "clear", "strip"):
        odd = tmp_path / f"{name}.png"
        odd_pictures()[name].save(odd)
        outcome = run("Put the girl of picture 1 into picture 2", [portrait, odd])
        assert outcome.size == (1024, 1024)


def test_what_is_clear_has_no_colour_and_the_rim_keeps_its_own(tmp_path: Path) -> None:
    pixels = np.full((100, 100, 3), 200, np.uint8)
    alpha = np.zeros((100, 100), np.uint8)
    alpha[40:60, 40:60] = 255
    saved = np.asarray(Image.open(write(Picture(pixels, alpha), tmp_path, 1)))
    assert not saved[:30, :30, :3].any()
    assert (saved[38:62, 38:62, :3] == 200).all()


def test_png_is_written_when_it_is_asked_for(tmp_path: Path) -> None:
    path = write(Picture(np.full((8, 8, 3), 7, np.uint8)), tmp_path, 1, png=True)
    with Image.open(path) as opened:
        assert opened.format == "PNG"


@pytest.mark.parametrize(
    ("subject", "relation", "target", "behind"),
    [
        ("person", "in", "dining_table", True),
        ("cup", "in", "dining_table", False),
        ("person", "on", "dining_table", False),
        ("person", "in", "boat", False),
    ],
)
def test_a_table_stays_before_who_is_at_it(subject: str, relation: str, target: str, behind: bool) -> None:
    wish = Compose((Mention(subject, subject),), relation, Mention(target, target))  # type: ignore[arg-type]
    assert at_table(wish) is behind
