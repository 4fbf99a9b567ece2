"""The engine's own process: it loads one engine and runs one job at a time for its worker."""
