"""Two classes marked in the image itself, by boxes, and one object that is not meant.

usage: 12_several_classes.py BEANS FIGURE      with examples/data/beans/01.jpg
"""

import sys

import persense

beans, figure = sys.argv[1:]

pipeline = persense.Pipeline()
image = pipeline.encode(beans)  # once, for marks and search alike
nut = (568, 78, 617, 127)
bean = pipeline.support(image, box=(48, 171, 104, 225), negatives=[nut], label="bean")
leaf = pipeline.support(image, box=(361, 350, 438, 388), label="leaf")
result = pipeline.segment(image, [bean, leaf], min_area="0.3x")

for name, found in result.by_class().items():
    at_border = found.touches_border.sum()
    print(f"{len(found)} x {name}, {at_border} of them at the border")

result.plot().figure.savefig(figure, dpi=100)
