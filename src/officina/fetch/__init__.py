"""Bring a job's inputs in, guarded and checked."""
