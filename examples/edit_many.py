"""Edit many pictures at once with the async client; one that fails does not stop the others.

    OFFICINA_URL=http://127.0.0.1:8000 OFFICINA_KEY=ofk_... \
        python examples/edit_many.py "remove the background" cut-outs a.jpg b.jpg c.jpg
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from officina_client import AsyncClient, OfficinaApiError

MODEL = "bytedance/dreamina-4-0/edit"


async def edit(client: AsyncClient, picture: Path, prompt: str, folder: Path) -> bool:
    """Edit one picture; whether that went well."""
    try:
        upload = await client.upload(picture)
        result = await client.run(
            MODEL, {"image_urls": [upload], "prompt": prompt, "width×height": "1024x1024(1:1)"}
        )
        to = folder / f"{picture.stem}{Path(result.images[0]).suffix}"
        print(f"{picture.name}: {await client.download(result.images[0], to)}")
    except OfficinaApiError as problem:
        print(f"{picture.name}: {problem.message}", file=sys.stderr)
        return False
    return True


async def main(prompt: str, folder: Path, pictures: list[Path]) -> int:
    """Send all of them; the server decides how many run at a time. Gives the exit code."""
    async with AsyncClient() as client:
        done = await asyncio.gather(*(edit(client, each, prompt, folder) for each in pictures))
    return 0 if all(done) else 1


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
    sys.exit(asyncio.run(main(sys.argv[1], Path(sys.argv[2]), [Path(each) for each in sys.argv[3:]])))
