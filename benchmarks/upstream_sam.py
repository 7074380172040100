"""The published SamPredictor (package segment-anything), one prompt at a time.

Started by decode_benchmark, which asks through standard input, one line a request and an answer:

    make CHECKPOINT       saves a ViT-B with random weights of a fixed seed
    image RGB.bin W H     sets the image; answers the seconds that took
    decode N x y x y ...  three decodes a point, as PerSense refines an exemplar: the point; the
                          point and the logits; the point, the mask's box and the logits.
                          Answers the seconds, and per point the second mask's pixels and x and y
                          sums and the third decode's score
"""

import os
import sys
import time

import numpy as np
import torch
from segment_anything import SamPredictor, sam_model_registry


def make():
    torch.manual_seed(0)
    return sam_model_registry["vit_b"]().eval()


def refine(predictor, point):
    known = {"point_coords": np.array([point], dtype=np.float64), "point_labels": np.array([1])}
    _, scores, logits = predictor.predict(**known)
    best = int(scores.argmax())
    masks, scores, logits = predictor.predict(**known, mask_input=logits[best][None])
    best = int(scores.argmax())
    mask = masks[best]
    ys, xs = np.nonzero(mask)
    if len(xs) == 0:
        return mask, 0.0
    box = np.array([xs.min(), ys.min(), xs.max(), ys.max()])
    _, scores, _ = predictor.predict(**known, box=box, mask_input=logits[best][None])
    return mask, float(scores.max())


def main():
    torch.set_num_threads(os.cpu_count())
    model = make()
    predictor = SamPredictor(model)
    for line in sys.stdin:
        command, *rest = line.split()
        if command == "make":
            torch.save(model.state_dict(), rest[0])
            print("made", flush=True)
        elif command == "image":
            width, height = int(rest[1]), int(rest[2])
            image = np.fromfile(rest[0], dtype=np.uint8).reshape(height, width, 3)
            begin = time.perf_counter()
            predictor.set_image(image)
            print(time.perf_counter() - begin, flush=True)
        else:
            points = np.array(rest[1:], dtype=np.int64).reshape(-1, 2)
            begin = time.perf_counter()
            found = [refine(predictor, point) for point in points]
            seconds = time.perf_counter() - begin
            words = [repr(seconds)]
            for mask, score in found:
                ys, xs = np.nonzero(mask)
                words += [str(len(xs)), str(xs.sum()), str(ys.sum()), repr(score)]
            print(*words, flush=True)


if __name__ == "__main__":
    main()
