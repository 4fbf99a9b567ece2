"""The diffusers engine: open-weight picture models of the diffusers library, in this machine's own memory."""

from __future__ import annotations

from officina.engines.diffusers.engine import DiffusersEngine

__all__ = ["DiffusersEngine"]
