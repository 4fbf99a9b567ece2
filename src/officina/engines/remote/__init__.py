"""The remote engine: work for the models is ordered from a provider, and its results are brought home."""

from officina.engines.remote.engine import RemoteEngine

__all__ = ["RemoteEngine"]
