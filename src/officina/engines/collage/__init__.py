"""The collage engine: cuts out, places and filters on the CPU, and refuses what that cannot do."""

from __future__ import annotations

from officina.engines.collage.engine import CollageEngine

__all__ = ["CollageEngine"]
