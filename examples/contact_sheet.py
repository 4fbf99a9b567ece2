"""Lays on one sheet what the collage engine makes: inputs, prompts, outputs, seconds.

    python examples/contact_sheet.py sheet-output

Writes `sheet.jpg` and every output in full size into the folder; all pictures in it may be passed on.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from draw_meadow import drawn
from PIL import Image, ImageDraw, ImageFont, ImageOps

import officina.run
from officina.engines.collage import CollageEngine
from officina.errors import RunError
from officina.run import Run

EXAMPLE = Path(officina.run.__file__).parent / "models/bytedance/dreamina-4-0/edit/example"
OWN = Path(__file__).parent / "pictures"
WIDE, SQUARE = "2560x1440(16:9)", "2048x2048(1:1)"
COLUMNS, CELL, THUMB, GAP = 3, 620, 130, 16


@dataclass(frozen=True)
class Trial:
    """A prompt on pictures at a size."""

    prompt: str
    pictures: tuple[str, ...]
    size: str = SQUARE


TRIALS = (
    Trial("A beautiful girl is sitting on the boat", ("portrait", "boat")),
    Trial("A beautiful girl is sitting on the boat", ("portrait", "boat"), WIDE),
    Trial("A beautiful girl is sitting on the boat", ("portrait", "boat"), "3024x1296(21:9)"),
    Trial("The woman is standing in the meadow", ("portrait", "meadow"), WIDE),
    Trial("A cup of coffee on the meadow", ("coffee", "meadow")),
    Trial("The woman and the cup are in the meadow", ("portrait", "coffee", "meadow"), WIDE),
    Trial("Place the woman behind the boat", ("portrait", "boat"), WIDE),
    Trial("Put the cup in the boat", ("coffee", "boat")),
    Trial("The woman is next to the boat", ("portrait", "boat"), WIDE),
    Trial("remove the background", ("portrait",)),
    Trial("remove the background", ("coffee",)),
    Trial("replace the background with a meadow", ("portrait", "meadow")),
    Trial("replace the background with pink", ("portrait",)),
    Trial("blur the background", ("chelsea",)),
    Trial("black and white", ("boat",)),
    Trial("make it a watercolor painting", ("boat",)),
    Trial("make it a pencil drawing", ("portrait",)),
    Trial("write 'Ahoy!' at the top", ("boat",)),
    Trial("Put the cat on the meadow", ("chelsea", "meadow")),
    Trial("change her dress to a red gown", ("portrait",)),
)


def main(folder: Path) -> None:
    """Run every trial, then draw the sheet."""
    folder.mkdir(parents=True, exist_ok=True)
    engine = CollageEngine({})
    with tempfile.TemporaryDirectory() as name:
        pictures = _pictures(Path(name))
        cells = [_cell(engine, trial, number, pictures, folder) for number, trial in enumerate(TRIALS, 1)]
    rows = [cells[n : n + COLUMNS] for n in range(0, len(cells), COLUMNS)]
    heights = [max(cell.height for cell in row) + GAP for row in rows]
    sheet = Image.new("RGB", (COLUMNS * (CELL + GAP) + GAP, sum(heights) + GAP), "white")
    for row, top in zip(rows, accumulate(heights, initial=GAP), strict=False):
        for n, cell in enumerate(row):
            sheet.paste(cell, (GAP + n * (CELL + GAP), top))
    sheet.save(folder / "sheet.jpg", quality=88)
    print(folder / "sheet.jpg")


def _pictures(folder: Path) -> dict[str, Path]:
    meadow = folder / "meadow.jpg"
    Image.fromarray(drawn()).save(meadow, quality=90)
    found = {path.stem: path for path in (*EXAMPLE.glob("*.jpg"), *OWN.glob("*.jpg"))}
    return {**found, "meadow": meadow}


def _cell(
    engine: CollageEngine, trial: Trial, number: int, pictures: dict[str, Path], folder: Path
) -> Image.Image:
    """Inputs in small, the prompt, and what came of it."""
    cell = Image.new("RGB", (CELL, CELL + THUMB + 64), "#f4f4f2")
    inputs = [pictures[name] for name in trial.pictures]
    for n, path in enumerate(inputs):
        with Image.open(path) as opened:
            cell.paste(ImageOps.contain(opened.convert("RGB"), (THUMB, THUMB)), (n * (THUMB + 8), 0))
    draw = ImageDraw.Draw(cell)
    start, end = time.perf_counter(), THUMB + 240
    try:
        output = _output(engine, trial, inputs, folder / f"{number:02}")
        end = _on_chequers(cell, output)
        said = f"{time.perf_counter() - start:.1f} s, {trial.size}"
    except RunError as refusal:
        said = "refused"
        draw.multiline_text((4, THUMB + 76), _wrapped(str(refusal), 62), "#802020", _font(18))
    draw.text((4, THUMB + 6), f"“{trial.prompt}”", "black", _font(22))
    draw.text((4, THUMB + 36), said, "#606060", _font(18))
    return cell.crop((0, 0, CELL, end))


def _output(engine: CollageEngine, trial: Trial, inputs: list[Path], made: Path) -> Image.Image:
    with tempfile.TemporaryDirectory() as scratch:
        given = {"prompt": trial.prompt, "width×height": trial.size, "scale": 0.5}
        files = {"image_urls": tuple(inputs)}
        result = engine.run(Run("sheet", 1, given, files, Path(scratch), lambda *_: None, lambda _: None))
        kept = made.with_suffix(result.images[0].suffix)
        kept.write_bytes(result.images[0].read_bytes())
    with Image.open(kept) as opened:
        return ImageOps.contain(opened.convert("RGBA"), (CELL, CELL))


def _on_chequers(cell: Image.Image, output: Image.Image) -> int:
    """Transparency is shown as it usually is; returns where the output ends."""
    ground = Image.new("RGBA", output.size, "white")
    draw = ImageDraw.Draw(ground)
    for x in range(0, output.width, 16):
        for y in range(x // 16 % 2 * 16, output.height, 32):
            draw.rectangle((x, y, x + 15, y + 15), "#d8d8d8")
    ground.alpha_composite(output)
    cell.paste(ground.convert("RGB"), ((CELL - output.width) // 2, THUMB + 64))
    return THUMB + 64 + output.height


def _wrapped(text: str, width: int) -> str:
    lines, line = [], ""
    for word in text.split():
        if len(line) + len(word) > width:
            lines, line = [*lines, line], ""
        line += f"{word} "
    return "\n".join([*lines, line])


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
