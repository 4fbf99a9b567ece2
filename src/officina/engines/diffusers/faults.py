"""What a library's exception means: no memory, a broken device, or a bug; and whether the device works."""

from __future__ import annotations

import os
import sys

PROBE = 8
_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "failed to allocate")
_DEVICE = (
    *("CUDA error", "CUDA driver", "HIP error", "device-side assert", "CUBLAS_STATUS", "CUDNN_STATUS"),
    *("cuDNN error", "NCCL error", "MPS backend", "MTLCommandBuffer", "ECC error"),
)


class OutOfMemory(Exception):
    """The device, or the machine, has no memory left for this."""


class DeviceFailed(Exception):
    """The device reported an error; whether it still works has to be tried."""


def translated(error: Exception) -> OutOfMemory | DeviceFailed | None:
    """The exception as one of ours, without the frames that hold the pipeline's memory; None for a bug.

    By name and words: torch raises the same things as several classes, according to version and device.
    """
    name, words = type(error).__name__, str(error)
    if isinstance(error, MemoryError) or name == "OutOfMemoryError" or _has(words.lower(), _NO_MEMORY):
        return OutOfMemory(words)
    if isinstance(error, RuntimeError) and (name == "AcceleratorError" or _has(words, _DEVICE)):
        return DeviceFailed(words)
    return None


def works(device: str) -> bool:
    """Whether a device can still calculate: eight ones have to make eight."""
    import torch

    try:
        return int(torch.ones(PROBE, device=device).sum().item()) == PROBE
    except Exception:  # noqa: BLE001 - whatever a broken driver raises
        return False


def end_if_dead(device: str) -> None:
    """End this process, for its worker to replace it, when the device no longer works in it.

    After some errors a CUDA context answers nothing but that error for as long as its process lives.
    """
    if not works(device):
        sys.stderr.write(f"The device {device} no longer works in this process, which ends to be replaced.\n")
        sys.stderr.flush()
        os._exit(os.EX_UNAVAILABLE)


def _has(text: str, words: tuple[str, ...]) -> bool:
    return any(word in text for word in words)
