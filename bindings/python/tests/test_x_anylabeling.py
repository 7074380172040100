"""`persense serve` as X-AnyLabeling's remote server, asked by X-AnyLabeling's own client."""

from __future__ import annotations

import os

import pytest
from samples import DATA, persense
from serving import serving

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
try:
    from anylabeling import config
    from anylabeling.services.auto_labeling.remote_server import RemoteServer
    from PyQt6.QtGui import QImage
    from PyQt6.QtWidgets import QApplication
except ImportError as error:
    # its packages (x-anylabeling-cvhub) want another OpenCV than those of the other tests
    pytest.skip(f"X-AnyLabeling is not installed: {error}", allow_module_level=True)

IMAGE = str(DATA / "beans" / "01.jpg")


@pytest.fixture(scope="module")
def application():
    yield QApplication.instance() or QApplication([])


def client_of(address: str, key: str, tmp_path, monkeypatch, said) -> "RemoteServer":
    settings = tmp_path / "settings.yaml"
    settings.write_text(
        f"remote_server_settings: {{server_url: '{address}', api_key: '{key}', timeout: 60}}\n"
    )
    monkeypatch.setattr(config, "current_config_file", str(settings))
    model = {
        "type": "remote_server",
        "name": "remote_server",
        "display_name": "Remote-Server",
        "provider": "",
        "timeout": 60,
        "config_file": "",
    }
    client = RemoteServer(model, said.append)
    client.server_url, client.predict_url = address, f"{address}/v1/predict"
    client.headers["Token"] = key
    return client


def test_its_rectangle_finds_what_python_finds(application, tmp_path, monkeypatch) -> None:
    with serving("--token", "sesame") as address:
        client = client_of(address, "sesame", tmp_path, monkeypatch, [])
        assert client.get_available_models()["persense"]["display_name"] == "PerSense"
        client.set_model_id("persense")
        client.set_auto_labeling_marks(
            [{"type": "rectangle", "data": [46, 172, 103, 224], "label": 1}]
        )
        client.set_auto_labeling_conf(0.2)
        shapes = client.predict_shapes(QImage(IMAGE), IMAGE).shapes
    pipeline = persense.Pipeline("classic")
    support = pipeline.support(IMAGE, box=(46, 172, 103, 224))
    result = support.segment(IMAGE, min_score=0.2)
    outlines = [
        part for one in result.to_coco(polygons=True)["annotations"] for part in one["segmentation"]
    ]
    assert len(shapes) == len(outlines) > 50
    for shape, outline in zip(shapes, outlines):
        points = [coordinate for p in shape.points for coordinate in (p.x(), p.y())]
        assert points[: len(outline)] == list(outline)
        assert shape.shape_type == "polygon" and shape.is_closed()


def test_a_wrong_key_is_told(application, tmp_path, monkeypatch) -> None:
    said: list = []
    with serving("--token", "sesame") as address:
        client = client_of(address, "wrong", tmp_path, monkeypatch, said)
        client.set_model_id("persense")
        assert not client.predict_shapes(QImage(IMAGE), IMAGE).shapes
    assert "401" in str(said)
