"""Officina: a self-hosted Model API."""

__version__ = "0.1.0"
