"""Class labels asked of a server on the loopback, with the installed package."""

from __future__ import annotations

import base64
import http.server
import json
import pathlib
import pickle
import re
import socket
import subprocess
import sys
import threading
import time
from typing import Any, Callable, Dict, Iterator, List, Tuple

import numpy as np
import pytest

import persense

KEY = "sk-very-secret-0123456789"
Reply = Tuple[int, bytes]


def _chat(text: str) -> bytes:
    return json.dumps({"choices": [{"message": {"content": text}}]}).encode()


class Stub:
    """An HTTP server that answers as its `reply` says, and keeps what it was asked."""

    def __init__(self, reply: Callable[[Dict[str, str]], Reply]) -> None:
        self.requests: List[Tuple[Dict[str, str], Any]] = []
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = dict(self.headers)
                stub.requests.append((headers, json.loads(body)))
                status, answer = reply(headers)
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def stub() -> Iterator[Callable[..., Stub]]:
    """Give a function: status and text of all answers, or a reply -> a running server."""
    made: List[Stub] = []

    def make(status: int = 200, text: str = "It is a ripe potato.", reply: Any = None) -> Stub:
        made.append(Stub(reply or (lambda headers: (status, _chat(text)))))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture
def example() -> Tuple[np.ndarray, np.ndarray]:
    """An image (30, 40, 3) and a mask of one object in it."""
    image = np.full((30, 40, 3), 60, np.uint8)
    mask = np.zeros((30, 40), bool)
    mask[8:20, 10:25] = True
    image[mask] = (220, 180, 40)
    return image, mask


@pytest.fixture
def unused_tcp_url() -> str:
    """Where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


pytestmark = pytest.mark.skipif(
    not persense.has_label_extraction(), reason="persense was built without libcurl"
)


def test_extract_gives_label_phrase_and_answer(stub: Any, example: Any) -> None:
    server = stub()
    namer = persense.ClassLabelExtractor(server.url, model="vip-llava", temperature=0)
    assert namer.extract(*example) == ("potato", "all potatoes", "It is a ripe potato.")
    assert repr(namer) == f"ClassLabelExtractor('{server.url}/v1/chat/completions')"
    body = server.requests[0][1]
    assert (body["model"], body["temperature"]) == ("vip-llava", 0)


def test_a_server_that_rejects_json_is_asked_for_words(stub: Any, example: Any) -> None:
    def reply(headers: Dict[str, str]) -> Reply:
        if "response_format" in server.requests[-1][1]:
            return 400, b"unknown field"
        return 200, _chat("These are two oxen.")

    server = stub(reply=reply)
    assert persense.ClassLabelExtractor(server.url).extract(*example)[:2] == ("ox", "all oxen")
    assert len(server.requests) == 2 and "response_format" not in server.requests[1][1]


def test_a_server_that_refuses_parameters_is_asked_without_them(stub: Any, example: Any) -> None:
    def reply(headers: Dict[str, str]) -> Reply:
        for name in ("max_tokens", "temperature"):
            if name in server.requests[-1][1]:
                return 400, json.dumps({"error": {"message": f"no '{name}' here"}}).encode()
        return 200, _chat("It is a potato.")

    server = stub(reply=reply)
    namer = persense.ClassLabelExtractor(server.url, max_tokens=77)
    assert [namer.extract(*example).label for _ in range(2)] == ["potato", "potato"]
    assert len(server.requests) == 4  # the second time, what was refused is known
    assert server.requests[3][1]["max_completion_tokens"] == 77


def test_json_gives_the_plural_as_well(stub: Any, example: Any) -> None:
    server = stub(text='{"singular": "genius", "plural": "genii"}')
    found = persense.ClassLabelExtractor(server.url).extract(*example)
    assert (found.label, found.phrase) == ("genius", "all genii")
    assert server.requests[0][1]["response_format"]["type"] == "json_schema"


def test_the_model_is_shown_the_masked_picture(stub: Any, example: Any) -> None:
    import io

    image = pytest.importorskip("PIL.Image")
    server = stub()
    pixels, mask = (array.repeat(20, axis=0).repeat(20, axis=1) for array in example)
    persense.ClassLabelExtractor(server.url).extract(pixels, mask)
    url = server.requests[0][1]["messages"][0]["content"][1]["image_url"]["url"]
    shown = np.asarray(image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))))
    np.testing.assert_array_equal(shown, pixels * mask[:, :, None])


def test_an_extractor_may_be_the_label_of_a_support(stub: Any, example: Any) -> None:
    namer = persense.ClassLabelExtractor(stub(text="Two knives.").url)
    support = persense.Pipeline("classic").support(*example, label=namer)
    assert (support.label, support.phrase) == ("knife", "all knives")
    boxed = support._pipeline.support(example[0], box=support.box, label=namer)
    assert boxed.label == "knife"


def test_a_support_has_the_plural_that_the_model_gave(stub: Any, example: Any) -> None:
    namer = persense.ClassLabelExtractor(stub(text='{"singular": "genius", "plural": "genii"}').url)
    pipeline = persense.Pipeline("classic")
    for label in (namer, namer.extract(*example)):
        support = pipeline.support(*example, label=label)
        assert (support.label, support.phrase) == ("genius", "all genii")
        assert pickle.loads(pickle.dumps(support)).phrase == "all genii"


def test_a_failing_server_raises_one_line_with_the_remedy(stub: Any, example: Any) -> None:
    server = stub(404, "")
    with pytest.raises(persense.Unreadable) as raised:
        persense.ClassLabelExtractor(server.url).extract(*example)
    line = str(raised.value)
    assert f"{server.url}/v1/chat/completions: answered with status 404" in line
    assert "--label" in line and "\n" not in line


def test_the_key_is_in_no_error(stub: Any, example: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSENSE_TEST_KEY", KEY)
    server = stub(reply=lambda headers: (401, headers["Authorization"].encode()))
    namer = persense.ClassLabelExtractor(server.url, key_variable="PERSENSE_TEST_KEY")
    with pytest.raises(persense.Unreadable) as raised:
        namer.extract(*example)
    assert server.requests[0][0]["Authorization"] == f"Bearer {KEY}"
    assert "very-secret" not in str(raised.value)


def test_other_threads_run_while_it_waits(example: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        namer = persense.ClassLabelExtractor(url, timeout=0.5)
        ticks: List[float] = []
        done = threading.Event()

        def tick() -> None:
            while not done.is_set():
                ticks.append(time.monotonic())
                time.sleep(0.01)

        thread = threading.Thread(target=tick)
        thread.start()
        with pytest.raises(persense.Unreadable, match="no complete answer within 0.5 s"):
            namer.extract(*example)
        done.set()
        thread.join()
        assert len(ticks) > 5


@pytest.mark.parametrize(
    ("endpoint", "settings"),
    [
        ("localhost", {}),
        ("http://user:hunter2@localhost", {}),
        ("http://localhost", {"temperature": 3}),
        ("http://localhost", {"timeout": 0}),
        ("http://localhost", {"rules": "none"}),
    ],
)
def test_wrong_settings_are_invalid_arguments(endpoint: str, settings: Dict[str, Any]) -> None:
    with pytest.raises(persense.InvalidArgument) as raised:
        persense.ClassLabelExtractor(endpoint, **settings)
    assert "hunter2" not in str(raised.value)


def test_text_functions_follow_either_rules() -> None:
    assert persense.label_from_answer("These are two red bell peppers, on a plate") == "bell pepper"
    assert persense.label_from_answer("a bell pepper.", rules="reference") == "pepper"
    assert persense.all_phrase("knife") == "all knives"
    assert persense.all_phrase("knife", rules="reference") == "all knifes"
    for rules in ("paper", "reference"):
        answer = "It is a stone? No.\n</think>\nIt is a potato."
        assert persense.label_from_answer(answer, rules=rules) == "potato"
        with pytest.raises(persense.InvalidArgument, match="reasoning that no reply follows"):
            persense.label_from_answer("<think>It is a stone.", rules=rules)
    with pytest.raises(persense.InvalidArgument, match="cannot see"):
        persense.label_from_answer("I cannot see it.")


def test_the_example_of_the_readme_counts_what_the_model_names(
    stub: Any, unused_tcp_url: str
) -> None:
    root = pathlib.Path(__file__).resolve().parents[3]
    beans = root / "examples" / "data" / "beans"
    pictures = [str(beans / name) for name in ("00.jpg", "00.png", "01.jpg")]

    def run(url: str) -> "subprocess.CompletedProcess[str]":
        script = str(root / "examples" / "09_name_the_object.py")
        command = [sys.executable, "-P", script, url, *pictures]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    named = run(stub(text="The image shows a white bean.").url)
    assert re.fullmatch(r"all beans: [5-9][0-9]\n", named.stdout), named.stderr
    refused = run(unused_tcp_url)
    assert refused.returncode == 1
    assert refused.stderr == (
        f"label endpoint {unused_tcp_url}/v1/chat/completions: no connection could be made "
        "(3 tries), expected status 200 of a chat server; --label NAME gives the label without "
        "asking\n"
    )
