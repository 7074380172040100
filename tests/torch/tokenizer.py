#!/usr/bin/env python3
"""Writes random and hostile texts with the tokens that transformers' BERT tokenizer makes of them,
for wordpiece_test.cpp.

    tokenizer.py FOLDER

FOLDER gets vocab.txt, made up here, and cases.json, a list of [text, [token, ...]]. Ends with 4
where there is no transformers.
"""

import json
import os
import pathlib
import random
import string
import sys
import unicodedata

SKIPPED = 4  # ctest's SKIP_RETURN_CODE
CASES = 10_000

os.environ["TRANSFORMERS_VERBOSITY"] = "error"  # it warns that it found no PyTorch
try:
    import transformers
except ImportError as missing:
    print(f"SKIPPED: {sys.executable} has no {missing.name}")
    sys.exit(SKIPPED)

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = """all potato potatoes bell pepper peppers the a an of on red ripe durian berry berries knife
knives egg eggs carton screw nut bolt cell cells bean beans apple apples orange oranges""".split()
PIECES = "un able ing ed er est ly tion ness pre re dis s es ies ves o to po ta bell".split()
HOSTILE = [
    "", " ", "\t\r\n", "\0", "a\0b", "\ufffd", "[CLS]", "[SEP] potato [PAD]", "[unk]", "##s", "##",
    "potato.", "...", "?!", "potato. all potatoes.", "POTATO", "pot\u00adato", "po\u200btato",
    "po\u200dtato", "\ufeffpotato", "potato\u00a0potato", "potato\u2028potato", "potato\u3000",
    "Cr\u00e8me Br\u00fbl\u00e9e", "Cre\u0300me", "\u0130stanbul", "STRASSE stra\u00dfe \u1e9e",
    "\u03a3\u03a3\u03a3", "\ufb01ne", "\u1100\u1161\u11a8 \uac01", "\u8c46\u8c46", "a\u8c46b",
    "\U00020000\u4e00", "\u3042\u3044", "\U0001f954", "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "a" * 100, "a" * 101, "a" * 5000, "e\u0301" * 100, "e\u0301" * 101, "\u0301" * 500,
    "potato" * 16, "potato" * 17, "$5 + 3^2 = `x` | ~y <z>", "don't", "\u201cpotato\u201d",
    "\u2014", "\u00bfqu\u00e9?", "\u0e01\u0e33", "\u0915\u094d\u0937", "\u05e9\u05c1\u05dc\u05d5\u05dd",
    "\u212b \u2126 \u212a", "\ue000", "x\U000e0041y", "\ufdfa", "\u1e9b\u0323",
]  # fmt: skip


def settled_characters() -> str:
    """Characters whose kind no Unicode version has changed since 3.2: the tokenizers stand on
    tables of different versions."""
    old = unicodedata.ucd_3_2_0
    return "".join(
        c
        for c in map(chr, range(sys.maxunicode + 1))
        if old.category(c) == unicodedata.category(c) not in ("Cn", "Cs", "Co")
    )


def vocabulary(characters: str) -> list[str]:
    letters = string.ascii_lowercase + string.digits
    some = random.sample([c for c in characters if c == c.lower() and not c.isspace()], 3000)
    tokens = [*letters, *string.punctuation, *WORDS, *PIECES, *some, "\u8c46", "\u4e00", "\u0438"]
    tokens += ["##" + t for t in [*letters, *PIECES, *WORDS[:5], *some[:1500]]]
    return SPECIAL + list(dict.fromkeys(tokens))


def random_text(characters: str) -> str:
    kind = random.randrange(4)
    if kind == 0:  # any characters
        return "".join(random.choices(characters, k=random.randrange(40)))
    if kind == 1:  # ASCII, controls too
        return "".join(map(chr, random.choices(range(128), k=random.randrange(60))))
    parts = []
    for _ in range(random.randrange(12)):
        word = random.choice(WORDS + PIECES)
        if kind == 3:  # words with what does not belong into them
            at = random.randrange(len(word) + 1)
            word = word[:at] + random.choice(characters) + word[at:]
        parts.append(random.choice([str.lower, str.upper, str.title])(word))
        parts.append(random.choice([" ", " ", "", ". ", "-", "\t", "\u00a0", "?", ", "]))
    return "".join(parts)


def main(folder: pathlib.Path) -> None:
    random.seed(1)
    characters = settled_characters()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "vocab.txt"
    file.write_text("\n".join(vocabulary(characters)) + "\n", encoding="utf-8", newline="\n")
    tokenizer = transformers.BertTokenizerFast.from_pretrained(str(folder), do_lower_case=True)
    texts = HOSTILE + [random_text(characters) for _ in range(CASES - len(HOSTILE))]
    cases = [
        (text, tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"])
        for text in texts
    ]
    (folder / "cases.json").write_text(json.dumps(cases), encoding="ascii")
    print(f"{len(cases)} texts, {sum(len(ids) for _, ids in cases)} tokens")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
