"""The store: where the bytes of artifacts live, a folder or an object store. A thin package on obstore.

Keys are paths that we make (`uploads/<name>`, `jobs/<job>/<attempt>/<n>`, `incoming/…`); what is true of a
file (type, size, digest) stands in its row.
"""

from officina.store.folder import FolderStore
from officina.store.objects import ObjectStore
from officina.store.place import Place, place_of
from officina.store.protocol import Grant, Put, Seen, Served, Store

__all__ = ["Grant", "Place", "Put", "Seen", "Served", "Store", "open_store", "place_of"]


def open_store(place: Place) -> Store:
    """The store at a place. Raises SettingsError when its folder cannot be made."""
    return FolderStore(place.folder) if place.folder else ObjectStore(place)
