#!/usr/bin/env python3
"""Makes verses.tsv from two Debian packages. Run by hand; the result is in the repository.

    apt-get install bible-kjv bible-kjv-text diatheke sword-text-web
    python3 data/make_verses.py data/verses.tsv

A pair is left out when either side is missing, has stray
brackets, tags or digits, or is far longer than the other (the verses then do not correspond).
"""

import re
import subprocess
import sys

# Name, first chapter. Passages start there and run on.
BOOKS = [
    ("Genesis", 1), ("Psalms", 1), ("Proverbs", 10), ("Isaiah", 40), ("Mark", 1), ("Luke", 1),
    ("John", 1), ("Romans", 1), ("Hebrews", 1), ("James", 1), ("1 John", 1), ("Revelation", 1),
]
SWORD_NAMES = {"1 John": "I John", "Revelation": "Revelation of John"}
VERSES_PER_BOOK = 160
MODULE = "engWEB2015eb"

HEADER = """\
# Verse pairs, modern and older English, of 12 books: BOOK <tab> CHAPTER:VERSE <tab> MODERN <tab> OLDER
# MODERN: the World English Bible, dedicated to the public domain (https://ebible.org/web/); Debian package
#   sword-text-web {web}. Footnotes, headings and line breaks are left out, the words are unchanged.
# OLDER: the King James Version of 1611 (1769 text), copyright expired (in the United Kingdom printing it is
#   a Crown privilege); Debian package bible-kjv-text {kjv}.
# Made by data/make_verses.py. Do not edit: a changed text may not be called World English Bible.
"""


def older_verses(book, first_chapter):
    """[(chapter, verse, text)] of the King James Version: 20 chapters or what the book has."""
    verses = []
    for chapter in range(first_chapter, first_chapter + 20):
        query = f"{book.replace(' ', '')} {chapter}:1-200\n"
        output = subprocess.run(["bible", "-f", "-l", "100000"], input=query, capture_output=True,
                                text=True, check=True).stdout
        # What comes ahead of the prompt is the program's greeting.
        answer = output.split("]> ", 1)[1]
        for line in answer.splitlines():
            match = re.match(r"[1-3]?[A-Za-z]+(\d+):(\d+) (.*)", line)
            if match and int(match.group(1)) == chapter:
                place = (chapter, int(match.group(2)))
                if not verses or place > verses[-1][:2]:
                    verses.append((*place, " ".join(match.group(3).split())))
    return verses


def modern_chapter(book, chapter):
    """{verse: text} of the World English Bible, without markup."""
    output = subprocess.run(
        ["diatheke", "-b", MODULE, "-f", "internal", "-o", "fmnh", "-k", f"{book} {chapter}"],
        capture_output=True, text=True, check=True).stdout
    name = SWORD_NAMES.get(book, book)
    # Psalm titles stand ahead of the verse's key, so after the text of the verse before.
    output = re.sub(r"<title\b.*?</title>", " ", output.split(f"({MODULE})")[0], flags=re.S)
    pieces = re.split(rf"{name} {chapter}:(\d+): ", output)
    return {int(number): without_markup(text) for number, text in zip(pieces[1::2], pieces[2::2])}


def without_markup(text):
    """The words of a verse. The module has no space beside a footnote that stands between words."""
    text = re.sub(r"\s*<note\b.*?</note>(?=(?:\s|<[^>]*>)*(.)?)",
                  lambda m: " " if m.group(1) and (m.group(1).isalpha() or m.group(1) in "“‘(") else "",
                  text, flags=re.S)
    text = re.sub(r"<(?:l|lg|div|lb|milestone|chapter|p|item|list)\b[^>]*>", " ", text)
    text = re.sub(r"<[^>]*>", "", text)
    return " ".join(text.split())


def clean(text):
    """True for a text without leftovers of markup."""
    if not text or re.search(r"[<>\[\]{}_*|\\\t]|\d|[A-Za-z][.,;:?!][A-Za-z]|[a-z][A-Z]|\s[,;:.?!]", text):
        return False
    return text.count("(") == text.count(")") and text.isprintable()


def version(package):
    return subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package],
                          capture_output=True, text=True, check=True).stdout


def main(path):
    rows, dropped = [], 0
    for book, first_chapter in BOOKS:
        kept, modern = 0, {}
        for chapter, verse, older in older_verses(book, first_chapter):
            if kept == VERSES_PER_BOOK:
                break
            if chapter not in modern:
                modern[chapter] = modern_chapter(book, chapter)
            text = modern[chapter].get(verse, "")
            if not clean(older) or not clean(text) or not 0.5 < len(older) / len(text) < 2:
                print("left out:", book, f"{chapter}:{verse}", repr(text), repr(older), file=sys.stderr)
                dropped += 1
                continue
            rows.append(f"{book}\t{chapter}:{verse}\t{text}\t{older}\n")
            kept += 1
        print(book, kept, file=sys.stderr)
    with open(path, "w", encoding="utf-8") as out:
        out.write(HEADER.format(web=version("sword-text-web"), kjv=version("bible-kjv-text")))
        out.writelines(rows)
    print(f"{len(rows)} pairs, {dropped} left out", file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
