"""The HTTP surface: the list of routes, and one module for each family of them."""
