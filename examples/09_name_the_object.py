"""What a vision-language model calls the masked object, and how many there are of it.

usage: 09_name_the_object.py URL SUPPORT MASK QUERY
"""

import sys

import persense

url, support_image, mask, query = sys.argv[1:]

namer = persense.ClassLabelExtractor(url, timeout=30)  # key_variable="OPENAI_API_KEY" for a key
pipeline = persense.Pipeline()
try:
    support = pipeline.support(support_image, mask, label=namer)
except persense.Unreadable as error:  # no server, no usable answer: one line says why
    sys.exit(str(error))
print(f"{support.phrase}: {len(support.segment(query))}")
