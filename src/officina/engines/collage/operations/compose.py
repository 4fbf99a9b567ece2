"""Place subjects into the scene of another picture."""

from __future__ import annotations

from officina.engines.collage.bench import Bench, Canvas
from officina.engines.collage.box import Box
from officina.engines.collage.framing import shown
from officina.engines.collage.pictures import Picture
from officina.engines.collage.plan import Compose, Mention
from officina.engines.collage.refusal import CannotDo
from officina.engines.collage.scene.paste import Setting, pasted
from officina.engines.collage.scene.placement import Figure, Spot, Stage, check_bearable, place, view_of
from officina.engines.collage.scene.roles import Roles, cast
from officina.engines.collage.scene.vessel import vessel
from officina.engines.collage.subject.cutout import cut_out, subject_alpha
from officina.engines.collage.things import Thing, thing

MOST_SUBJECTS = 3
_WORDS = {"on": "on", "in": "in", "into": "into", "beside": "beside", "front": "in front of"}


def compose(operation: Compose, bench: Bench) -> Canvas:
    """Find the roles, cut the subjects out, place them, and make them belong."""
    if bench.canvas is not None:
        raise CannotDo("placing a subject into a scene has to come first in the prompt")
    if len(operation.subjects) > MOST_SUBJECTS:
        raise CannotDo(f"at most {MOST_SUBJECTS} subjects can be placed")
    check_bearable(operation.relation, thing(operation.target.thing))
    bench.step("finding out which picture is the scene")
    roles = cast(bench.album, operation.subjects, operation.target)
    figures = [_figure_once(bench, i, m) for i, m in zip(roles.subjects, operation.subjects, strict=True)]
    bench.step("looking at the scene")
    stage = _stage(bench, roles.scene, operation)
    spots = place(figures, operation, stage, bench.variant)
    view = view_of(stage, spots, bench.size)
    bench.step("placing the subject")
    scene = Picture(bench.album.picture(roles.scene).pixels)
    pixels = shown(scene, view.part, bench.size).pixels
    setting = Setting(stage, view, 0.6 + 0.8 * bench.scale, mirrored=bench.variant % 2 == 1)
    for figure, spot in sorted(zip(figures, spots, strict=True), key=_nearness):
        pixels = pasted(pixels, figure, spot, setting)
    _note(bench, operation, roles, stage)
    return Canvas(Picture(pixels), Box(0, 0, bench.size.width, bench.size.height))


def _nearness(pair: tuple[Figure, Spot]) -> float:
    """What stands lower in the picture is nearer and covers what is behind it."""
    return pair[1].box.bottom


def _figure_once(bench: Bench, index: int, mention: Mention) -> Figure:
    return bench.album.once((index, mention), lambda: _figure(bench, index, mention))


def _figure(bench: Bench, index: int, mention: Mention) -> Figure:
    """The subject of a picture, cut out."""
    bench.step(f"cutting the subject out of picture {index + 1}")
    known, box = _recognised(bench, index, mention)
    picture = bench.album.picture(index)
    hint = bench.album.look(index).hint(box, known.kinds)
    alpha = subject_alpha(picture, bench.nets, hint)
    word = mention.word or mention.thing or "subject"
    if alpha is None:
        raise CannotDo(f"the {word} of picture {index + 1} does not stand out clearly enough to be cut out")
    cut = cut_out(picture, alpha)
    if cut.cut_top:
        raise CannotDo(
            f"the {word} of picture {index + 1} is cut off by the upper edge of that picture, "
            "and would be in the scene as well; send a picture that shows it whole"
        )
    return Figure(cut, known, word)


def _recognised(bench: Bench, index: int, mention: Mention) -> tuple[Thing, Box | None]:
    """What the subject is, and where; when the prompt does not say what, the detector does."""
    look = bench.album.look(index)
    known = thing(mention.thing)
    box = look.box_of(known)
    if box is not None or known.kinds or look.main is None:
        return known, box
    vague = not mention.thing or mention.thing == "subject"
    return (thing(look.main.kind.replace(" ", "_")) if vague else known), look.main.box


def _stage(bench: Bench, index: int, operation: Compose) -> Stage:
    """The scene, and in it the thing that the prompt names."""
    look = bench.album.look(index)
    target = thing(operation.target.thing)
    box = look.box_of(target)
    if box is None and target.shape != "place" and target.name:
        if operation.target.picture is None and target.kinds:
            raise CannotDo(f"no picture was found that shows a {operation.target.word or target.name}")
        box = look.salient
        bench.approximate = True
    scene = bench.album.picture(index)
    hull = None
    if box is not None and target.shape == "vessel":
        hull = bench.album.once(("vessel", index, box), lambda: vessel(scene, box, bench.nets))
    return Stage(look.width, look.height, target, hull.box if hull else box, hull)


def _note(bench: Bench, operation: Compose, roles: Roles, stage: Stage) -> None:
    """What was done, in the caller's words; only an open vessel is more than a good guess."""
    target = operation.target.word or "the scene"
    for mention, index in zip(operation.subjects, roles.subjects, strict=True):
        what = f"{mention.word or 'the subject'} of picture {index + 1}"
        bench.done.append(f"placed {what} {_WORDS[operation.relation]} {target} of picture {roles.scene + 1}")
    if stage.vessel is None or not stage.vessel.inside_seen:
        bench.approximate = True
