"""The neural nets of the engine.

NanoDet finds things of 80 kinds, U²-Netp finds what stands out, Real-ESRGAN's video net enlarges.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from officina.engines.collage.box import Box
from officina.engines.collage.raster import Floats, Mask, Pixels, resized

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

WEIGHTS = Path(__file__).parent / "weights"
DETECTOR_FILE = "nanodet-coco80-416-fp16w.onnx"
SALIENCY_FILE = "u2netp.onnx"
ENLARGER_FILES = {2: "realesr-animevideov3-x2-fp16w.onnx", 4: "realesr-animevideov3-x4-fp16w.onnx"}

KINDS = (
    *("person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat"),
    *("traffic light", "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse"),
    *("sheep", "cow", "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie"),
    *("suitcase", "frisbee", "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove"),
    *("skateboard", "surfboard", "tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon"),
    *("bowl", "banana", "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut"),
    *("cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse"),
    *("remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink", "refrigerator", "book"),
    *("clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush"),
)
"""The 80 kinds of the COCO data set, in the order of the detector's scores."""

_DETECTOR_SIDE = 416
_DETECTOR_STRIDES = (8, 16, 32)
_DETECTOR_MEAN_BGR = np.array((103.53, 116.28, 123.675), np.float32)
_DETECTOR_STD_BGR = np.array((57.375, 57.12, 58.395), np.float32)
_BINS = 11
SALIENCY_SIDE = 320
"""What the net for what stands out was trained on; a subject that is cut out needs it."""
ROUGH_SIDE = 256
"""Enough to tell where a thing is whose edges are found otherwise, for two thirds of the work."""
_SALIENCY_MEAN_RGB = np.array((0.485, 0.456, 0.406), np.float32)
_SALIENCY_STD_RGB = np.array((0.229, 0.224, 0.225), np.float32)


@dataclass(frozen=True, slots=True)
class Detection:
    """One thing that the detector saw."""

    kind: str
    score: float
    box: Box


class Nets:
    """All nets, each loaded at its first use; the two that look at pictures already in the background."""

    def __init__(self) -> None:
        background = ThreadPoolExecutor(1, thread_name_prefix="collage-nets")
        self._looking = background.submit(lambda: (_session(SALIENCY_FILE), _session(DETECTOR_FILE)))
        background.shutdown(wait=False)

    @property
    def _detector(self) -> InferenceSession:
        return self._looking.result()[1]

    @property
    def _saliency(self) -> InferenceSession:
        return self._looking.result()[0]

    @cached_property
    def _enlargers(self) -> dict[int, InferenceSession]:
        return {}

    def enlarged(self, pixels: Pixels, times: int) -> Pixels:
        """The picture 2 or 4 times as large, its edges drawn anew."""
        if times not in self._enlargers:
            self._enlargers[times] = _session(ENLARGER_FILES[times])
        net = self._enlargers[times]
        blob = np.ascontiguousarray(pixels.astype(np.float32).transpose(2, 0, 1)[None] / 255)
        (drawn,) = net.run(None, {net.get_inputs()[0].name: blob})
        levels = np.clip(np.asarray(drawn[0], np.float32).transpose(1, 2, 0), 0, 1) * 255 + 0.5
        return np.ascontiguousarray(levels, np.uint8)

    def detect(self, pixels: Pixels, least_score: float = 0.1) -> tuple[Detection, ...]:
        """What is in the picture, best first; one detection per thing and kind."""
        blob, factor = _letterbox(pixels)
        outputs = self._detector.run(None, {self._detector.get_inputs()[0].name: blob})
        found = _decode(outputs, least_score)
        height, width = pixels.shape[:2]
        placed = [Detection(d.kind, d.score, d.box.scaled(1 / factor).clipped(width, height)) for d in found]
        return tuple(d for d in placed if d.box.area >= 16)

    def salient(self, pixels: Pixels, side: int = SALIENCY_SIDE) -> Mask:
        """How much each pixel belongs to what stands out, in the picture's own size; the net sees `side`²."""
        blob = _saliency_blob(pixels, side)
        (found,) = self._saliency.run(["1959"], {self._saliency.get_inputs()[0].name: blob})
        spread = np.asarray(found[0, 0], np.float32)
        low, high = float(spread.min()), float(spread.max())
        scaled = (spread - low) * (255.0 / max(high - low, 1e-6))
        height, width = pixels.shape[:2]
        enlarged = cv2.resize(scaled, (width, height), interpolation=cv2.INTER_CUBIC)
        return np.clip(enlarged, 0, 255).astype(np.uint8)


def _session(file: str) -> InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # The arena keeps the peak of every run forever: several hundred MB that an idle process has no use for.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.intra_op_num_threads = min(2, os.cpu_count() or 1)
    options.inter_op_num_threads = 1
    # Threads that wait for each other in a busy loop take the cores from everybody else, ourselves included.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(WEIGHTS / file, options, providers=["CPUExecutionProvider"])


def _letterbox(pixels: Pixels) -> tuple[Floats, float]:
    height, width = pixels.shape[:2]
    factor = _DETECTOR_SIDE / max(height, width)
    size = (max(round(width * factor), 1), max(round(height * factor), 1))
    small = resized(pixels, size).astype(np.float32)
    canvas = np.zeros((_DETECTOR_SIDE, _DETECTOR_SIDE, 3), np.float32)
    canvas[: size[1], : size[0]] = (small[..., ::-1] - _DETECTOR_MEAN_BGR) / _DETECTOR_STD_BGR
    return np.ascontiguousarray(canvas.transpose(2, 0, 1)[None]), factor


def _decode(outputs: list[Any], least_score: float) -> list[Detection]:
    found: list[Detection] = []
    by_shape = {output.shape[1:]: output[0] for output in outputs}
    for stride in _DETECTOR_STRIDES:
        side = _DETECTOR_SIDE // stride
        scores = by_shape[(side * side, len(KINDS))]
        distances = by_shape[(side * side, 4 * _BINS)]
        for cell, kind in np.argwhere(scores >= least_score):
            box = _box(int(cell), side, stride, distances[cell])
            found.append(Detection(KINDS[kind], float(scores[cell, kind]), box))
    return _strongest(found)


def _box(cell: int, side: int, stride: int, distances: Floats) -> Box:
    weights = np.exp(distances.reshape(4, _BINS) - distances.max())
    left, top, right, bottom = (weights @ np.arange(_BINS)) / weights.sum(axis=1) * stride
    x, y = (cell % side + 0.5) * stride, (cell // side + 0.5) * stride
    return Box(float(x - left), float(y - top), float(x + right), float(y + bottom))


def _strongest(found: list[Detection]) -> list[Detection]:
    """Drop what overlaps a stronger detection of the same kind."""
    kept: list[Detection] = []
    for one in sorted(found, key=lambda d: (-d.score, d.kind, d.box.left, d.box.top)):
        if all(one.kind != other.kind or one.box.overlap(other.box) < 0.5 for other in kept):
            kept.append(one)
    return kept


def _saliency_blob(pixels: Pixels, side: int) -> Floats:
    small = resized(pixels, (side, side)).astype(np.float32)
    small /= max(float(small.max()), 1.0)
    normal = (small - _SALIENCY_MEAN_RGB) / _SALIENCY_STD_RGB
    return np.ascontiguousarray(normal.transpose(2, 0, 1)[None])
