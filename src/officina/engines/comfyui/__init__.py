"""The comfyui engine: any workflow of ComfyUI in API format, run on servers of one's own.

`engine.py` needs the extra `comfyui`; what reads, checks and imports workflows does not.
"""
