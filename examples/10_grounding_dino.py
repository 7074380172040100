"""Boxes of what a caption names: GroundingDINO with PyTorch alone, none of its authors' code.

usage: 10_grounding_dino.py ARCHIVE PICTURE CAPTION      a caption: "cat. remote control."
"""

import json
import sys

import numpy
import torch
from PIL import Image
from tokenizers import BertWordPieceTokenizer

archive, picture, caption = sys.argv[1:]
files = {"persense.json": "", "vocab.txt": ""}  # the archive holds these beside the network
detector = torch.jit.load(archive, _extra_files=files)
wanted = json.loads(files["persense.json"])["input"]

image = Image.open(picture).convert("RGB")
short, long = sorted(image.size)
side = min(wanted["short_side"], round(wanted["long_side"] * short / long))
size = [int(side * extent / short) for extent in image.size]
pixels = torch.from_numpy(numpy.array(image.resize(size, Image.BILINEAR))).float()
pixels = (pixels - torch.tensor(wanted["mean"])) / torch.tensor(wanted["std"])

words = files["vocab.txt"].decode().split("\n")[:-1]
tokenizer = BertWordPieceTokenizer({word: number for number, word in enumerate(words)})
text = tokenizer.encode(caption.rstrip(". ") + ".")  # adds [CLS] and [SEP]
stop = torch.tensor([token in ".?" for token in text.tokens]).long()
phrase = stop.cumsum(0) - stop  # each token's, ended by a full stop; [SEP] is alone in the last
phrase[0] = -1  # and [CLS] in the first
together = phrase[:, None] == phrase
position = torch.arange(len(phrase)) - together.long().argmax(1)

with torch.no_grad():
    logits, boxes = detector(
        pixels.permute(2, 0, 1)[None],  # float [1, 3, H, W], any height and width
        torch.tensor([text.ids]),  # int64 [B, T]: B captions share the image's backbone
        together[None],  # bool [B, T, T]: which tokens see each other
        position[None],  # int64 [B, T]: place within the phrase
        torch.ones(1, len(phrase), dtype=torch.bool),  # bool [B, T]: false for padding
    )  # logits [B, 900, T], boxes [B, 900, 4]: centre, width and height in 0..1

scores, best = logits[0].sigmoid().max(1)
for query in (scores > 0.35).nonzero()[:, 0]:
    name = [token for token, p in zip(text.tokens, phrase) if p == phrase[best[query]]]
    x, y, w, h = (boxes[0, query].view(2, 2) * torch.tensor(image.size)).flatten().tolist()
    print(f"{' '.join(name[:-1])}: {scores[query]:.2f} at", end=" ")
    print(f"{x - w / 2:.0f} {y - h / 2:.0f} {x + w / 2:.0f} {y + h / 2:.0f}")
