"""Every object of an image like the one masked in another, as a figure and as a COCO file.

usage: 05_segment.py SUPPORT MASK QUERY FIGURE COCO
"""

import json
import sys

import persense

support_image, mask, query, figure, coco = sys.argv[1:]

pipeline = persense.Pipeline()
support = pipeline.support(support_image, mask, label="pebble")  # once
result = support.segment(query)  # for any number of queries

print(result)
for pebble in result[:3]:
    x, y = pebble.point
    print(f"{pebble.id}: at {x}, {y}, {pebble.area} pixels, score {pebble.score:.2f}")

result.plot().figure.savefig(figure, dpi=100)
with open(coco, "w") as file:
    json.dump(result.to_coco(), file)
