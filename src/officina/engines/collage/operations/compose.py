"""Place subjects into the scene of another picture."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from officina.engines.collage.bench import Bench, Canvas
from officina.engines.collage.box import Box
from officina.engines.collage.framing import Size, shown
from officina.engines.collage.pictures import Picture
from officina.engines.collage.plan import Compose, Mention
from officina.engines.collage.raster import Mask
from officina.engines.collage.refusal import CannotDo
from officina.engines.collage.scene.counts import spelled_out
from officina.engines.collage.scene.cover import cover_of, place_behind
from officina.engines.collage.scene.figures import figure_of, stays_upright
from officina.engines.collage.scene.ground import check_ground
from officina.engines.collage.scene.paste import Setting, painted
from officina.engines.collage.scene.placement import check_bearable, place, spoken
from officina.engines.collage.scene.roles import cast, cast_together
from officina.engines.collage.scene.stage import Figure, Spot, Stage
from officina.engines.collage.scene.sun import light_of
from officina.engines.collage.scene.vessel import vessel
from officina.engines.collage.scene.view import open_frame, view_of
from officina.engines.collage.things import thing

MOST_SUBJECTS = 9
_WORDS = {
    "on": "on",
    "in": "in",
    "into": "into",
    "beside": "beside",
    "front": "in front of",
    "behind": "behind",
    "above": "above",
}


@dataclass(frozen=True, slots=True)
class _Part:
    """Who plays in which scene: the operation with every subject spelled out, and the pictures' numbers."""

    operation: Compose
    pictures: tuple[int, ...]
    scene: int


def compose(operation: Compose, bench: Bench) -> Canvas:
    """Find the roles, cut the subjects out, place them, and make them belong."""
    if bench.canvas is not None:
        raise CannotDo("placing a subject into a scene has to come first in the prompt")
    check_bearable(operation.relation, thing(operation.target.thing))
    bench.step("finding out which picture is the scene")
    bench.album.look_at_all(bench.step)
    part = _parted(operation, bench)
    bench.step("looking at the scene")
    stage, figures = _staged(bench, part)
    cover, spots = _placed(bench, part, stage, figures)
    view = view_of(stage, spots, bench.size, bench.variant)
    bench.step("placing the subject")
    scene = Picture(bench.album.picture(part.scene).pixels)
    check_ground(scene.pixels, stage, tuple(zip(figures, spots, strict=True)))
    ground = shown(scene, view.part, bench.size).pixels
    light = light_of(scene.pixels)
    pixels = painted(ground, figures, spots, Setting(stage, view, 0.6 + 0.8 * bench.scale, light, cover))
    _note(bench, part, stage, figures)
    return Canvas(Picture(pixels), Box(0, 0, bench.size.width, bench.size.height))


def _parted(operation: Compose, bench: Bench) -> _Part:
    """The roles; subjects that shall only be next to each other meet in the picture of one of them."""
    subjects = spelled_out(bench.album, operation.subjects, operation.target)
    if len(subjects) > MOST_SUBJECTS:
        raise CannotDo(f"at most {MOST_SUBJECTS} subjects can be placed")
    target = operation.target
    nowhere = not target.thing and target.picture is None
    named = {mention.picture for mention in subjects if mention.picture is not None}
    if nowhere and len(subjects) > 1 and len(bench.album) <= max(len(subjects), len(named)):
        pictures, host = cast_together(bench.album, subjects)
        target = replace(subjects[host], picture=pictures[host] + 1)
        subjects = tuple(m for i, m in enumerate(subjects) if i != host)
        others = tuple(index for i, index in enumerate(pictures) if i != host)
        return _Part(replace(operation, subjects=subjects, target=target), others, pictures[host])
    roles = cast(bench.album, subjects, target)
    return _Part(replace(operation, subjects=subjects), roles.subjects, roles.scene)


def _staged(bench: Bench, part: _Part) -> tuple[Stage, tuple[Figure, ...]]:
    """The scene's closer look shares the cores with the cutting out; what is wrong with it is told first."""
    with ThreadPoolExecutor(1) as pool:
        looked = pool.submit(_stage, bench, part)
        try:
            figures = _figures(bench, part)
        except CannotDo:
            looked.result()
            raise
        return looked.result(), figures


def _figures(bench: Bench, part: _Part) -> tuple[Figure, ...]:
    """Every subject cut out; each other variant shows them mirrored."""
    found = []
    for index, mention in zip(part.pictures, part.operation.subjects, strict=True):
        bench.step(f"cutting the subject out of picture {index + 1}")
        figure = bench.album.once(
            (index, mention),
            lambda i=index, m=mention: figure_of(bench.album, bench.nets, i, m),  # type: ignore[misc]
        )
        found.append(figure.mirrored() if bench.variant % 2 else figure)
    return tuple(found)


def _stage(bench: Bench, part: _Part) -> Stage:
    """The scene, and in it the thing that the prompt names."""
    look = bench.album.look(part.scene)
    mention = part.operation.target
    target = thing(mention.thing)
    box = look.box_of(target)
    if box is None and target.shape != "place" and target.name:
        if mention.picture is None and target.kinds:
            raise CannotDo(f"no picture was found that shows a {mention.word or spoken(target)}")
        box = look.salient
        bench.approximate = True
    scene = bench.album.picture(part.scene)
    hull = None
    if box is not None and target.shape == "vessel" and part.operation.relation in ("on", "in", "into"):
        hull = bench.album.once(("vessel", part.scene, box), lambda: vessel(scene, box, bench.nets))
    frame = open_frame(Size(look.width, look.height), bench.size, look.salient, bench.variant)
    return Stage(look.width, look.height, target, hull.box if hull else box, frame, hull, look.salience)


def _placed(
    bench: Bench, part: _Part, stage: Stage, figures: Sequence[Figure]
) -> tuple[Mask | None, tuple[Spot, ...]]:
    """The spots, and the target's cut-out when it stays before the subjects."""
    if part.operation.relation != "behind" and not at_table(part.operation):
        return None, place(figures, part.operation, stage, bench.variant)
    if stage.box is None:
        raise CannotDo("the prompt does not say behind what")
    bench.step("finding what stays in front")
    box, scene = stage.box, bench.album.picture(part.scene)
    hint = bench.album.look(part.scene).hint(box, stage.target.kinds)
    cover = bench.album.once(
        ("cover", part.scene, box), lambda: cover_of(scene, box, hint, bench.nets, spoken(stage.target))
    )
    return cover, place_behind(figures, stage, cover, part.operation.side, bench.variant)


def at_table(operation: Compose) -> bool:
    """Whether somebody sits or stands at a table, whose near side then hides the legs."""
    alive = all(thing(mention.thing).alive for mention in operation.subjects)
    return operation.relation == "in" and thing(operation.target.thing).shape == "surface" and alive


def _note(bench: Bench, part: _Part, stage: Stage, figures: Sequence[Figure]) -> None:
    """What was done, in the caller's words; only an open vessel is more than a good guess."""
    operation = part.operation
    relation = "at" if at_table(operation) else _WORDS[operation.relation]
    target = operation.target.word or "the scene"
    if not operation.target.thing and operation.relation in ("beside", "front", "on"):
        relation, target = "into", "the scene"
    for mention, figure in zip(operation.subjects, figures, strict=True):
        what = f"{_spoken(mention)} of picture {figure.picture + 1}"
        pose = ", still upright: a pose cannot be changed" if stays_upright(figure, operation, stage) else ""
        bench.done.append(f"placed {what} {relation} {target} of picture {part.scene + 1}{pose}")
    used = {*part.pictures, part.scene}
    bench.unused = tuple(i for i in range(len(bench.album)) if i not in used)
    if stage.vessel is None or not stage.vessel.inside_seen:
        bench.approximate = True


def _spoken(mention: Mention) -> str:
    count = f"{mention.count} " if (mention.count or 1) > 1 else ""
    return f"{count}{mention.word or 'the subject'}"
