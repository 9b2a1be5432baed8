"""Names of derivatives: where a photo's files go below the destination. Pure functions; no database here.

A derivative lies at ``<prefix><folder>/<stem><suffix>``. The stem belongs to one asset of a collection, the
prefix to one work item of an asset; so no two work items of a collection ever share a path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import count

_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}$")
_DIGITS = 12


def short_stem(key: str) -> str:
    """Return the key without its file suffix: ``a/b.tif`` → ``a/b``; ``box 3. St. John`` has none.

    A suffix is a dot and one to eight letters or digits, after something that is not only dots.
    """
    folder, slash, name = key.rpartition("/")
    bare = _SUFFIX.sub("", name)
    return folder + slash + bare if bare.strip(".") else key


def stem_candidates(key: str) -> Iterator[str]:
    """Yield the stems that an asset would like, best first: the short one, the whole key, ``<key>~2``, …"""
    yield short_stem(key)
    yield key
    for number in count(2):
        yield f"{key}~{number}"


def assign_stems(keys: Iterable[str], owned: Callable[[Collection[str]], set[str]]) -> dict[str, str]:
    """Give each new key a stem that no other asset of the collection has.

    Args:
        keys: keys of new assets; they are served in sorted order.
        owned: tells which of some stems other assets of the collection own already.
    """
    stems: dict[str, str] = {}
    used: set[str] = set()
    waiting = [(key, stem_candidates(key)) for key in sorted(set(keys))]
    while waiting:
        wishes = [(key, next(candidates), candidates) for key, candidates in waiting]
        gone = owned({stem for _, stem, _ in wishes})
        waiting = []
        for key, stem, candidates in wishes:
            if stem in gone or stem in used:
                waiting.append((key, candidates))
            else:
                stems[key] = stem
                used.add(stem)
    return stems


def prefix_candidates(recipe_sha256: str, input_sha256: str) -> tuple[str, str, str]:
    """Return the prefixes that a work item may have, best first.

    The destination itself for the first recipe that wrote the asset; else the recipe's own folder; and for
    further bytes of the same asset under that recipe a folder of their own.
    """
    recipe = f"recipes/{recipe_sha256[:_DIGITS]}/"
    return "", recipe, f"{recipe}contents/{input_sha256[:_DIGITS]}/"
