"""A model whose every word would break a page that trusted it."""

from __future__ import annotations

import json
from pathlib import Path

ID = "evil/script/edit"
WORDS = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'{{7*7}}</textarea>\u202e"


def write_model(root: Path) -> None:
    """Write the folder of the model below `root`."""
    folder = root / ID
    (folder / "texts").mkdir(parents=True)
    (folder / "model.toml").write_text('engine = "collage"\ncategories = ["a<b>c"]\n', encoding="utf-8")
    (folder / "texts" / "en.toml").write_text(
        f"display_name = {json.dumps(WORDS)}\ndescription = {json.dumps(WORDS)}\n", encoding="utf-8"
    )
    prompt = {"type": "string", "title": WORDS, "description": WORDS, "default": WORDS, "enum": [WORDS, "b"]}
    pictures = {
        "type": "array",
        "title": WORDS,
        "description": WORDS,
        "items": {"type": "string", "format": "image_uri"},
        "validations": [
            {"validation_rule": "width_pixels<=", "validation_value": 9, "validation_error": f"9 {WORDS}"}
        ],
    }
    schema = {
        "type": "object",
        "title": WORDS,
        "required": ["prompt"],
        "properties": {"prompt": prompt, "pictures": pictures},
    }
    _write(folder / "input.json", schema)
    output = {
        "type": "object",
        "properties": {"image": {"type": "string", "format": "uri", "description": WORDS}},
    }
    _write(folder / "output.json", {"output": output})
    _write(folder / "example.json", {"prompt": WORDS})


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")
