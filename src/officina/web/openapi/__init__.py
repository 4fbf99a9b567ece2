"""The description of the API for machines, OpenAPI 3.1: shapes and operations as data, and its building."""
