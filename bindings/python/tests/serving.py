"""The program's server, for one test: `with serving("--models", "classic") as address:`."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any, Dict, Iterator, Optional, Tuple


@contextlib.contextmanager
def serving(*arguments: object) -> Iterator[str]:
    command = [sys.executable, "-m", "persense", "serve", *map(str, arguments)]
    server = subprocess.Popen(
        [*command, "--port", "0", "--models", "classic"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None and server.stderr is not None
        line = server.stdout.readline()
        if not line:
            raise RuntimeError(server.stderr.read())
        yield line.split()[1].split("/?")[0].rstrip("/")
    finally:
        server.terminate()
        server.communicate(timeout=120)


def ask(
    address: str, body: Any, headers: Optional[Dict[str, str]] = None
) -> Tuple[int, Dict[str, Any]]:
    """The status and the JSON of an answer to a POST request, as the tools send them."""
    request = urllib.request.Request(
        address,
        json.dumps(body).encode(),
        {"Content-Type": "application/json", **(headers or {})},
    )
    try:
        with urllib.request.urlopen(request, timeout=600) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
