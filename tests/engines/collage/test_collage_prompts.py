"""What prompts mean, and which are refused."""

from __future__ import annotations

import pytest

from officina.engines.collage.plan import (
    BlackAndWhite,
    BlurBackground,
    Compose,
    Mention,
    NotUnderstood,
    Operation,
    Plan,
    RemoveBackground,
    ReplaceBackground,
)
from officina.engines.collage.prompt.describe import describe
from officina.engines.collage.prompt.language import language
from officina.engines.collage.prompt.parse import parse
from officina.engines.collage.prompt.parse import read as read_any
from officina.engines.collage.refusal import REASONS, not_understood

GIRL, BOAT = Mention("girl", "person"), Mention("boat", "boat")
SITTING = Compose((GIRL,), "on", BOAT, pose="sitting")
BLUE = (0x1E, 0x63, 0xD6)


def read(prompt: str) -> Plan:
    return parse(prompt, language("en"))


SERVED: list[tuple[str, tuple[Operation, ...]]] = [
    ("A beautiful girl is sitting on the boat", (SITTING,)),
    ("a girl sits on the boat.", (SITTING,)),
    (
        "GIRL SITTING ON THE BOAT!",
        (Compose((Mention("GIRL", "person"),), "on", Mention("BOAT", "boat"), pose="sitting"),),
    ),
    ("a girl on the boat", (Compose((GIRL,), "on", BOAT),)),
    ("On the boat sits a girl", (SITTING,)),
    ("A boat with a girl on it", (Compose((GIRL,), "on", BOAT),)),
    ("Create an image of a beautiful girl sitting on the boat", (SITTING,)),
    ("A photo of a girl sitting in a boat on a lake", (Compose((GIRL,), "in", BOAT, pose="sitting"),)),
    ("Please put the girl in the boat", (Compose((GIRL,), "in", BOAT),)),
    ("Please put her in the boat", (Compose((Mention("", "person"),), "in", BOAT),)),
    ("Let the girl sit on the boat", (SITTING,)),
    (
        "Put the woman from the first image into the boat in image 2",
        (Compose((Mention("woman", "person", 1),), "into", Mention("boat", "boat", 2)),),
    ),
    ("Put image 1 into image 2", (Compose((Mention(picture=1),), "into", Mention(picture=2)),)),
    ("put picture #2 in photo 1", (Compose((Mention(picture=2),), "in", Mention(picture=1)),)),
    (
        "Add the astronaut to picture 2, on the left side",
        (Compose((Mention("astronaut", "person"),), "into", Mention(picture=2), side="left"),),
    ),
    (
        "The man and the dog are standing on the beach",
        (
            Compose(
                (Mention("man", "person"), Mention("dog", "dog")),
                "on",
                Mention("beach", "beach"),
                pose="standing",
            ),
        ),
    ),
    ("Insert the cup next to the cat", (Compose((Mention("cup", "cup"),), "beside", Mention("cat", "cat")),)),
    (
        "A cup of coffee on the table",
        (Compose((Mention("cup of coffee", "cup"),), "on", Mention("table", "dining_table")),),
    ),
    (
        "A woman standing in front of the mountains",
        (Compose((Mention("woman", "person"),), "front", Mention("mountains", "mountain"), pose="standing"),),
    ),
    ("The girl is sitting on the boat, with realistic lighting and shadows, high quality, 4k", (SITTING,)),
    ("The girl is sitting on the boat. Do not change her face.", (SITTING,)),
    ("The girl is sitting on the boat, don't change her dress or hair", (SITTING,)),
    ("The girl is sitting on the boat, keep the background unchanged", (SITTING,)),
    ("Let the girl sit on the boat and make it black and white", (SITTING, BlackAndWhite())),
    ("remove the background", (RemoveBackground(),)),
    ("Remove background from the photo", (RemoveBackground(),)),
    ("remove the background of picture 2", (RemoveBackground(2),)),
    ("can you please cut out the woman?", (RemoveBackground(),)),
    ("isolate the cup", (RemoveBackground(),)),
    ("make the background transparent", (RemoveBackground(),)),
    ("a transparent background please", (RemoveBackground(),)),
    ("background removal", (RemoveBackground(),)),
    ("Remove the background and make it black and white", (RemoveBackground(), BlackAndWhite())),
    ("Replace the background with white", (ReplaceBackground((255, 255, 255), "white"),)),
    ("change the background to a plain blue background", (ReplaceBackground(BLUE, "blue"),)),
    ("Change the background color to #ff8800", (ReplaceBackground((255, 136, 0), "#ff8800"),)),
    ("make the background #f80", (ReplaceBackground((255, 136, 0), "#f80"),)),
    ("make the background light blue", (ReplaceBackground((0x90, 0xCA, 0xF9), "light blue"),)),
    ("put the woman on a white background", (ReplaceBackground((255, 255, 255), "white"),)),
    ("white background", (ReplaceBackground((255, 255, 255), "white"),)),
    ("replace the background with image 2", (ReplaceBackground(scene=Mention(picture=2)),)),
    ("use the second picture as background", (ReplaceBackground(scene=Mention(picture=2)),)),
    (
        "Replace the background of image 1 with the beach of image 2",
        (ReplaceBackground(scene=Mention("beach", "beach", 2), picture=1),),
    ),
    ("Blur the background", (BlurBackground(),)),
    ("blur the background a bit, keep the face unchanged", (BlurBackground(),)),
    ("make the background blurry", (BlurBackground(),)),
    ("add bokeh to the background", (BlurBackground(),)),
    ("black and white", (BlackAndWhite(),)),
    ("Make it black & white", (BlackAndWhite(),)),
    ("Turn the photo into a black-and-white picture", (BlackAndWhite(),)),
    ("convert the image to grayscale", (BlackAndWhite(),)),
    ("desaturate it", (BlackAndWhite(),)),
    ("remove the colors", (BlackAndWhite(),)),
    ("make picture 2 monochrome", (BlackAndWhite(2),)),
]


@pytest.mark.parametrize(("prompt", "operations"), SERVED, ids=[prompt for prompt, _ in SERVED])
def test_a_prompt_becomes_its_operations(prompt: str, operations: tuple[Operation, ...]) -> None:
    assert read(prompt).operations == operations


REFUSED = [
    ("Colorize this black and white photo", "colouring"),
    ("add colors to the photo", "colouring"),
    ("restore this old photo", "restoring"),
    ("Replace the text 'Hello' with 'World'", "text"),
    ("change her dress to a red gown", "clothes"),
    ("A girl wearing a red gown is sitting on the boat", "clothes"),
    ("The cat is wearing the hat of image 2", "clothes"),
    ("make her smile", "people"),
    ("a smiling girl is sitting on the boat", "people"),
    ("make her younger", "people"),
    ("remove the background and make her smile", "people"),
    ("the girl is running on the beach", "poses"),
    ("a girl holding a cup on the boat", "poses"),
    ("in the style of Van Gogh", "style"),
    ("zoom out", "view"),
    ("remove the car", "removal"),
    ("remove all people", "removal"),
    ("Replace the boat with a car", "swapping"),
    ("swap the faces", "swapping"),
    ("A girl sitting in the boat instead of the man", "swapping"),
    ("remove the background but keep the background", "conflict"),
    ("Don't change the background, blur the background", "conflict"),
    ("make it black and white but keep the colors", "conflict"),
    ("make the sky pink", "local"),
    ("a beautiful girl", ""),
    ("hello", "nothing"),
    ("", ""),
    ("please", "nothing"),
    ("make it realistic", "nothing"),
    ("combine the two pictures", "nothing"),
    ("don't remove the background", "nothing"),
    ("do not blur the background", "nothing"),
    ("A girl sitting in a boat on the moon", ""),
    ("Keep the boat in colour and make the rest black and white", "local"),
    ("a zorblax is sitting on the boat", ""),
    ("put the zorblax on the girl", "adding"),
    ("make the zorblax red", "local"),
    ("remove the zorblax", "removal"),
    ("Una bella ragazza è seduta sulla barca", ""),
    ("一个漂亮的女孩坐在船上", ""),
    ("remove the background and frobnicate it", ""),
]


@pytest.mark.parametrize(("prompt", "reason"), REFUSED, ids=[prompt for prompt, _ in REFUSED])
def test_a_prompt_is_refused_for_the_right_reason(prompt: str, reason: str) -> None:
    with pytest.raises(NotUnderstood) as caught:
        read(prompt)
    assert caught.value.reason == reason


def test_the_refusal_quotes_what_was_not_understood_and_says_what_can_be_done() -> None:
    with pytest.raises(NotUnderstood) as caught:
        read("Remove the background and FROBNICATE the cat")
    error = not_understood(caught.value)
    assert error.type == "not_understood"
    assert "“FROBNICATE the cat”" in error.message
    assert "remove, replace or blur a background" in error.message
    assert error.run_detail == {
        "understood": ["Remove the background"],
        "not_understood": ["FROBNICATE the cat"],
    }


def test_a_guarded_wish_is_refused_with_its_reason() -> None:
    with pytest.raises(NotUnderstood) as caught:
        read("Colorize this black and white photo")
    assert (
        "“Colorize”: it cannot give a black and white picture its colours back"
        in not_understood(caught.value).message
    )


def test_describing_words_are_ignored_and_reported() -> None:
    assert read("A beautiful girl is happily sitting on the red boat").ignored == (
        "beautiful",
        "happily",
        "red",
    )


@pytest.mark.parametrize(
    ("prompt", "copies"),
    [
        ("Generate 3 variations of a girl sitting on the boat", 3),
        ("The girl sits on the boat, four different versions please", 4),
        ("The girl sits on the boat", 1),
    ],
)
def test_several_pictures_are_made_only_when_asked_for(prompt: str, copies: int) -> None:
    assert read(prompt).copies == copies


def test_the_same_wish_twice_is_done_once() -> None:
    assert read("remove the background and remove the background").operations == (RemoveBackground(),)


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("put two dogs of picture 1 in front of the house", "place 2 × dogs of picture 1 in front of house"),
        ("the cat and the dog next to each other", "place cat and dog next to each other"),
        ("gradient background from blue to white", "replace the background by a gradient from blue to white"),
        ("make the car red", "make car red"),
        ("write “Hi” in big red letters at the top", "write “Hi” at the top, large, red"),
        ("rotate picture 2 by 90 degrees to the left", "rotate by 90 degrees counterclockwise (picture 2)"),
        ("crop to 16:9", "crop to 16:9"),
        ("zoom in on the dog", "zoom in on dog"),
        ("add heavy rain", "let it rain, strongly"),
        ("sticker with a pink outline", "cut out a sticker with a pink outline"),
        ("flip it", "mirror left and right"),
    ],
)
def test_an_operation_is_told_in_words(prompt: str, words: str) -> None:
    assert [describe(each) for each in read(prompt).operations] == [words]


def test_every_refusal_of_a_kind_says_what_comes_nearest() -> None:
    for kind, reason in REASONS.items():
        told = not_understood(NotUnderstood(("this",), (), kind)).message
        assert reason.why in told and reason.instead in told and "The collage engine can" in told


def test_a_prompt_in_a_language_without_a_vocabulary_is_refused_as_such() -> None:
    with pytest.raises(NotUnderstood) as caught:
        read_any("一个漂亮的女孩坐在船上")
    assert caught.value.reason == "language"
