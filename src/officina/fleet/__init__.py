"""A fleet: workers that a Ray cluster places, and as many of them as the gateway's queue asks for.

Ray places processes, and nothing else: no job passes through it, and nothing accepted depends on it.
"""
