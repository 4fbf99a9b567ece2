"""The queue at its own protocol, on SQLite and PostgreSQL, beside two queue libraries on the same server."""
