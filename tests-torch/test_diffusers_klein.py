"""FLUX.2 klein, tiny and random: loaded, denoised, decoded, by the engine as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import ImageChops

from officina.engines.diffusers import DiffusersEngine
from officina.errors import RunError
from torch_scene import Runner, klein_options


def same(one: object, other: object) -> bool:
    return ImageChops.difference(one, other).getbbox() is None  # type: ignore[arg-type]


def test_a_prompt_and_a_picture_give_a_picture_of_the_size_that_was_asked_for(
    engine: DiffusersEngine, start: Runner, reference: Path
) -> None:
    done = start(engine, reference)
    assert [each.size for each in done.images] == [(128, 96)]
    assert done.images[0].getextrema() != ((0, 0), (0, 0), (0, 0))
    assert done.notes["rendered"] == done.notes["delivered"] == "128x96"


def test_without_a_picture_it_is_text_to_image(
    engine: DiffusersEngine, start: Runner, reference: Path
) -> None:
    alone, beside = start(engine), start(engine, reference)
    assert alone.images[0].size == (128, 96)
    assert not same(alone.images[0], beside.images[0])


def test_the_same_seed_gives_the_same_pixels_and_another_seed_others(
    engine: DiffusersEngine, start: Runner, reference: Path
) -> None:
    first, again, other = (start(engine, reference, seed=seed) for seed in (7, 7, 8))
    assert same(first.images[0], again.images[0])
    assert not same(first.images[0], other.images[0])


def test_the_prompt_counts(engine: DiffusersEngine, start: Runner) -> None:
    one, other = start(engine), start(engine, prompt="a lighthouse at dusk, oil on canvas")
    assert not same(one.images[0], other.images[0])


def test_a_random_seed_is_told_and_makes_the_picture_again(engine: DiffusersEngine, start: Runner) -> None:
    random = start(engine, seed=None)
    again = start(engine, seed=random.notes["seed"])
    assert same(random.images[0], again.images[0])


def test_several_pictures_differ_and_each_can_be_made_again_alone(
    engine: DiffusersEngine, start: Runner
) -> None:
    several = start(engine, num_images=3)
    assert len(several.images) == 3
    assert not same(several.images[0], several.images[1])
    assert same(start(engine, seed=8).images[0], several.images[1])
    assert several.messages[-1] == "done"


def test_on_a_cpu_the_caller_is_warned(engine: DiffusersEngine, start: Runner) -> None:
    done = start(engine)
    assert done.lines[0].startswith("No GPU was found, so this runs on the CPU")
    assert done.notes["warning"] == done.lines[0]
    assert done.notes["device"] == "cpu"


def test_force_single_gives_one(engine: DiffusersEngine, start: Runner) -> None:
    assert len(start(engine, num_images=3, force_single=True).images) == 1


@pytest.mark.parametrize(
    ("asked", "rendered", "size"),
    [
        ("330x250", "336x256", (330, 250)),  # not multiples of 16: rendered larger, and cut
        ("1600x1200(4:3)", "336x256", (1600, 1200)),  # too large for this model: rendered small, and enlarged
    ],
)
def test_sizes_that_the_pipeline_cannot_make_are_delivered_all_the_same(
    asked: str, rendered: str, size: tuple[int, int], klein: Path, made: object, start: Runner
) -> None:
    limited = made(klein_options(klein, max_pixels=86_016))  # type: ignore[operator]
    done = start(limited, **{"width×height": asked})
    assert done.images[0].size == size
    assert done.notes["rendered"] == rendered


def test_without_a_size_the_last_picture_gives_the_shape(
    klein: Path, made: object, start: Runner, reference: Path
) -> None:
    small = made(klein_options(klein, max_pixels=128 * 128))  # type: ignore[operator]
    assert start(small, reference, **{"width×height": None}).images[0].size == (144, 112)


def test_ten_pictures_are_scaled_together(klein: Path, made: object, start: Runner, reference: Path) -> None:
    frugal = made(klein_options(klein, references={"total_pixels": 64 * 1024}))  # type: ignore[operator]
    assert len(start(frugal, *[reference] * 10).images) == 1
    with pytest.raises(RunError, match="at most 10 pictures; 11 were given"):
        start(frugal, *[reference] * 11)


def test_scale_is_told_to_be_ignored_by_distilled_weights(engine: DiffusersEngine, start: Runner) -> None:
    low, high = start(engine, scale=0.1), start(engine, scale=0.9)
    assert same(low.images[0], high.images[0])
    assert "scale: these weights have no guidance to set, so it changes nothing" in low.notes["ignored"]


def test_scale_is_guidance_where_the_weights_have_one(klein_base: Path, made: object, start: Runner) -> None:
    guided = made(klein_options(klein_base, guidance={"parameter": "guidance_scale"}))  # type: ignore[operator]
    low, high = start(guided, scale=0.25), start(guided, scale=1.0)
    assert not same(low.images[0], high.images[0])
    assert (low.notes["guidance"], high.notes["guidance"]) == (2.5, 7.0)
    assert low.notes["ignored"] == []


def test_progress_goes_up_over_every_step(engine: DiffusersEngine, start: Runner) -> None:
    done = start(engine, num_inference_steps=12, **{"width×height": "384x384"})
    fractions = [fraction for fraction, _ in done.steps]
    assert fractions == sorted(fractions)
    assert len({message for message in done.messages if message.startswith("step ")}) > 2


def test_a_picture_that_is_damaged_is_named(
    engine: DiffusersEngine, start: Runner, reference: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(reference.read_bytes()[:60])
    with pytest.raises(RunError, match="Picture 2 is truncated or damaged") as error:
        start(engine, reference, broken)
    assert error.value.type == "picture_damaged"
