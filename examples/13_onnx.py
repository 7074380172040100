"""The mask of the object at a point: Segment Anything with ONNX Runtime, and nothing of persense.

usage: 13_onnx.py MODELS PICTURE X Y MASK      MODELS: a folder with encoder.onnx and decoder.onnx
"""

import json
import sys

import numpy
import onnxruntime
from PIL import Image

models, picture, x, y, target = sys.argv[1:]
where = onnxruntime.get_available_providers()
encoder = onnxruntime.InferenceSession(f"{models}/encoder.onnx", providers=where)
decoder = onnxruntime.InferenceSession(f"{models}/decoder.onnx", providers=where)
held = encoder.get_modelmeta().custom_metadata_map  # the manifest, beside the network
wanted = json.loads(held["persense.json"])["input"]

image = Image.open(picture).convert("RGB")
side, scale = wanted["size"], wanted["size"] / max(image.size)
width, height = (int(extent * scale + 0.5) for extent in image.size)
pixels = numpy.array(image.resize((width, height), Image.BILINEAR))
padded = numpy.zeros((1, 3, side, side), numpy.float32)
padded[0, :, :height, :width] = ((pixels - wanted["mean"]) / wanted["std"]).transpose(2, 0, 1)
(embedding,) = encoder.run(None, {"image": padded})

_, channels, h, w = embedding.shape
masks, quality = decoder.run(
    None,
    {
        "embedding": embedding,
        "coords": numpy.array([[[float(x), float(y)]]], numpy.float32) * scale,  # [N, P, 2]
        "labels": numpy.ones((1, 1), numpy.int64),  # [N, P]: 1 the object, 0 background
        # what is left out has a length of 0
        "box": numpy.zeros((1, 0, 4), numpy.float32),
        "mask_input": numpy.zeros((0, 1, 4 * h, 4 * w), numpy.float32),
        "attn_sim": numpy.zeros((0, h * w), numpy.float32),
        "target": numpy.zeros((0, channels), numpy.float32),
    },
)  # masks [N, 3, 4h, 4w], logits; quality [N, 3]

best = Image.fromarray(masks[0, quality[0].argmax()]).resize((side, side), Image.BILINEAR)
logits = best.crop((0, 0, width, height)).resize(image.size, Image.BILINEAR)
Image.fromarray(numpy.array(logits) > 0).save(target)
print(f"{target}: {int((numpy.array(logits) > 0).sum())} pixels, quality {quality[0].max():.2f}")
