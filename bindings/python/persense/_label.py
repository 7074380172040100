"""Class labels: a vision-language model asked what the support object is."""

from __future__ import annotations

import os
from typing import NamedTuple, Optional, Union

from persense import _core
from persense._arguments import number, path, text, whole
from persense._images import ImageLike, MaskLike, image_array, mask_array

__all__ = [
    "ClassLabel",
    "ClassLabelExtractor",
    "all_phrase",
    "has_label_extraction",
    "label_from_answer",
]


class ClassLabel(NamedTuple):
    """What a model said, and what it means."""

    label: str
    """As "potato"."""
    phrase: str
    """As "all potatoes"."""
    answer: str
    """As the model gave it: JSON, or "The object in the image is a ripe potato."."""


class ClassLabelExtractor:
    """Asks a vision-language model behind an OpenAI-compatible chat endpoint to name an object.

        namer = persense.ClassLabelExtractor("http://localhost:8080")
        support = pipeline.support("support.jpg", "mask.png", label=namer)

    Threads: any number may use one at once; others run while it waits.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        model: str = "",
        prompt: str = "Name the object in the image?",
        temperature: float = 0.2,
        max_tokens: int = 512,
        timeout: float = 60.0,
        retries: int = 2,
        backoff: float = 0.5,
        key_variable: str = "",
        ca_bundle: Optional[Union[str, "os.PathLike[str]"]] = None,
        rules: str = "paper",
    ) -> None:
        """Check the settings; nothing is sent yet.

        endpoint: http or https: the server ("http://localhost:8080"), its base path
            ("https://host/v1"), or the whole path, which ends in /chat/completions.
        model: as the server calls it; "" leaves it out.
        prompt: the question, by default the paper's.
        temperature: 0 to 2; 0 makes most models repeatable. Left out for a server that refuses it.
        max_tokens: of the answer, reasoning included; as max_completion_tokens, or left out, for a
            server that refuses it.
        timeout: seconds that a whole question may take, retries included.
        retries: more tries when the server is busy (429), fails (5xx) or cannot be reached.
        backoff: seconds before the first of them; each next waits twice as long.
        key_variable: the environment variable that holds the server's key; "" sends none. The key
            goes into the request's header and nowhere else.
        ca_bundle: PEM file of the authorities that https trusts; None: the system's.
        rules: "paper" asks for JSON with singular and plural, and takes the noun of an answer in
            words; "reference" asks for words and takes the last, and shows small objects as they
            are.

        Raises InvalidArgument for a URL or value that cannot be, and in a build without an HTTP
        client; see has_label_extraction().
        """
        self._core = _core.ClassLabelExtractor(
            text("endpoint", endpoint, "a URL"),
            text("model", model),
            text("prompt", prompt),
            number("temperature", temperature),
            whole("max_tokens", max_tokens),
            number("timeout", timeout, "seconds"),
            whole("retries", retries),
            number("backoff", backoff, "seconds"),
            text("key_variable", key_variable),
            "" if ca_bundle is None else path("ca_bundle", ca_bundle),
            text("rules", rules),
        )

    def extract(self, image: ImageLike, mask: MaskLike) -> ClassLabel:
        """Show the model the image, black beside the object, and take the name that it answers.

        Of a small object, what is around it is shown, enlarged where that has few pixels.

        image, mask: as in Pipeline.support.

        Ctrl-C ends the wait. Raises Unreadable, in one line that names the endpoint, when the
        server is not reached or its answer cannot be used.
        """
        pixels = image_array(image, "image")
        inside = mask_array(mask, "mask", (pixels.shape[1], pixels.shape[0]))
        return ClassLabel(*self._core.extract(pixels, inside))

    def __repr__(self) -> str:
        return f"ClassLabelExtractor({self._core.shown_endpoint!r})"


def has_label_extraction() -> bool:
    """Whether this build can ask a model: it was made with libcurl."""
    return _core.has_label_extraction()


def all_phrase(label: str, rules: str = "paper") -> str:
    """Give the detector's phrase for a label: "potato" -> "all potatoes".

    rules: "paper" writes English plurals, "reference" those of the released code.
    """
    return _core.all_phrase(text("label", label), text("rules", rules))


def label_from_answer(answer: str, rules: str = "paper") -> str:
    """Give the class label in a model's answer: "It is a ripe potato." -> "potato".

    rules: "paper" takes the noun, "reference" the last word. Reasoning before the reply, up to the
        last "</think>" or another mark of its kind, is left out.

    Raises InvalidArgument for an answer that names no object, or ends within its reasoning.
    """
    return _core.label_from_answer(text("answer", answer), text("rules", rules))
