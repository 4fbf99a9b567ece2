"""Explore, the front page: every model with its picture, what serves it, and whether that is ready."""

from __future__ import annotations

from officina.web.page import Page
from officina.web.render import Answer


async def show(page: Page) -> Answer:
    """Render the page."""
    return page.html("explore.html")
