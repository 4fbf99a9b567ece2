"""The subject of a picture, cut out of it with clean edges."""
