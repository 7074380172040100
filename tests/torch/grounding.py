#!/usr/bin/env python3
"""What transformers' GroundingDINO finds, from image and text to boxes, for grounding_test.cpp.

    grounding.py FOLDER

Makes a small network with random weights and its vocabulary, exports it into FOLDER, draws images
and writes the boxes that transformers' processor and model find in them to FOLDER/expected.json.
Ends with 4 where there is no PyTorch, or no transformers that runs on it.
"""

import json
import os
import pathlib
import sys
import tempfile

SKIPPED = 4  # ctest's SKIP_RETURN_CODE
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

os.environ["TRANSFORMERS_VERBOSITY"] = "error"
try:
    import numpy as np
    import torch
    import transformers
except ImportError as missing:
    print(
        f"SKIPPED: {sys.executable} has no {missing.name}; PERSENSE_TORCH_PYTHON names another "
        "Python"
    )
    sys.exit(SKIPPED)
if not transformers.utils.is_torch_available():
    print(f"SKIPPED: transformers {transformers.__version__} wants another PyTorch than this one")
    sys.exit(SKIPPED)

sys.path.insert(0, str(REPOSITORY / "bindings" / "python" / "training"))
sys.path.insert(0, str(REPOSITORY / "bindings" / "python" / "training" / "tests"))
from helpers import randomise  # noqa: E402
from persense_export import grounding_dino as exporter  # noqa: E402
from persense_export.__main__ import main  # noqa: E402
from persense_export.networks.grounding_dino import (  # noqa: E402
    BertConfig,
    Config,
    GroundingDino,
    SwinConfig,
)

CONFIG = Config(
    swin=SwinConfig(width=16, depths=(2, 2, 2, 2), heads=(1, 2, 4, 8), window=3),
    bert=BertConfig(vocabulary=1100, width=64, depth=2, mlp_width=96, positions=64, types=2),
    width=64,
    levels=4,
    queries=8,
    encoder_depth=2,
    encoder_points=4,
    encoder_mlp_width=128,
    text_mlp_width=64,
    fusion_width=64,
    decoder_depth=2,
    decoder_points=4,
    decoder_mlp_width=96,
)
SIZES = [(640, 480), (211, 350), (1000, 300)]  # width, height; the last as large as the long side
CAPTIONS = ["potato", "all potatoes", "red bell pepper", "Ripe Crème Brûlée", "egg. carton"]
#: by which the last cell that becomes a query is better than the first one that does not, and each
#: of them than the next: rounding must not change which query looks where
GAP = 1e-3


def write_vocabulary(file):
    """BERT's special tokens where its network has them, the captions' words, and filler."""
    tokens = [f"word{number}" for number in range(CONFIG.bert.vocabulary)]
    for number, token in {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]"}.items():
        tokens[number] = token
    tokens[1012], tokens[1029] = ".", "?"
    words = "potato all ##es red bell pepper ripe creme egg cart ##on".split()
    tokens[200 : 200 + len(words)] = words  # without "brulee"
    file.write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")


def picture(width, height, seed):
    """Coloured clouds and speckles: something on every scale."""
    random = torch.Generator().manual_seed(seed)
    image = torch.zeros(1, 3, height, width)
    for cells, strength in ((4, 90), (17, 60), (60, 40)):
        noise = torch.randn(1, 3, cells, cells, generator=random)
        image += strength * torch.nn.functional.interpolate(
            noise, (height, width), mode="bicubic", align_corners=False
        )
    return (image[0] + 128).clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy()


def smallest_gap(output):
    """Between the cells that become queries, in the order of their scores, and the next one."""
    scores = output.enc_outputs_class.amax(2)[0].sort(descending=True)[0][: CONFIG.queries + 1]
    return float((scores[:-1] - scores[1:]).min())


def find(model, processor, image, caption):
    """Boxes (x0, y0, x1, y1, confidence), and whether rounding may change them."""
    inputs = processor(images=image, text=caption.rstrip(".") + ".", return_tensors="pt")
    with torch.no_grad():
        output = model(**inputs)
    found = processor.post_process_grounded_object_detection(
        output, inputs.input_ids, 0.0, 0.0, target_sizes=[image.shape[:2]]
    )[0]
    boxes = torch.cat([found["boxes"], found["scores"][:, None]], 1).tolist()
    return boxes, smallest_gap(output) > GAP


def find_all(model, processor, width, height):
    """The first image in which rounding changes no caption's boxes, and these."""
    for seed in range(100):
        image = picture(width, height, seed)
        found = {}
        for caption in CAPTIONS:
            found[caption], firm = find(model, processor, image, caption)
            if not firm:
                break
        else:
            return image, found
    sys.exit(f"no image of {width} x {height} whose cells' scores are further apart than {GAP}")


def processor_of(folder):
    """As of the published checkpoints."""
    return transformers.GroundingDinoProcessor(
        transformers.GroundingDinoImageProcessor(),
        transformers.BertTokenizer(str(folder / "vocab.txt"), do_lower_case=True),
    )


def run(out):
    torch.manual_seed(0)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        model = exporter.reference(randomise(GroundingDino(CONFIG)), CONFIG)
        model.save_pretrained(folder)
        write_vocabulary(folder / "vocab.txt")
        status = main(["grounding_dino", "--checkpoint", str(folder), "-o", str(out)])
        if status:
            return status
        processor = processor_of(folder)
    cases = []
    for width, height in SIZES:
        image, found = find_all(model, processor, width, height)
        name = f"{width}x{height}.npy"
        np.save(out / name, image)
        cases.append({"image": name, "found": found})
    (out / "expected.json").write_text(json.dumps(cases))
    return 0


sys.exit(run(pathlib.Path(sys.argv[1])))
