"""The pages: HTML for people, in ten languages, on the documented API."""
