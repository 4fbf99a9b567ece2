"""Edit a picture with the blocking client, and say what goes on meanwhile.

    OFFICINA_URL=http://127.0.0.1:8000 OFFICINA_KEY=ofk_... \
        python examples/edit.py boat.jpg "blur the background" blurred.jpg
"""

from __future__ import annotations

import sys

from officina_client import Client, Event, RunFailed

MODEL = "bytedance/dreamina-4-0/edit"


def tell(event: Event) -> None:
    """Print one line of the request's history."""
    fraction = f"{event.fraction:4.0%}" if event.fraction is not None else ""
    print(event.kind, fraction, event.message)


def main(picture: str, prompt: str, to: str) -> int:
    """Edit `picture` and save the result; gives the exit code."""
    with Client() as client:
        edit = {
            "image_urls": [client.upload(picture)],
            "prompt": prompt,
            "width×height": "1024x1024(1:1)",
        }
        try:
            result = client.run(MODEL, edit, on_event=tell, cancel_on_interrupt=True)
        except RunFailed as problem:
            print(f"{problem.type}: {problem.message}", file=sys.stderr)
            return 1
        print(f"{result.engine} did: {', '.join(result.notes.get('understood', []))}")
        print(client.download(result.images[0], to))
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
