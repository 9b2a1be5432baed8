"""The section «Measured» of docs/decisions/0016-four-doubts.md, from what benchmarks/flag_levels.py has written.

    python -m benchmarks.flag_levels --photos DATA/old --limit 400 --only levels     # and the other parts
    python -m benchmarks.flag_levels_page                                             # prints the section
    python -m benchmarks.flag_levels_page --into docs/decisions/0016-four-doubts.md   # puts it into the page

Every figure of the section comes from a file, so that after a change of weights nothing is copied by hand.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS

SHOWN = ("50", "95", "98", "99", "100")
DOUBTS = ("latent-distance", "sample-variance", "faces-lost", "faces-invented", "lettering")
HEADING = "**Measured**"


def main() -> int:
    """Print the section, or replace it in a page; 1 where a part was not measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--into", type=Path, metavar="PAGE")
    given = parser.parse_args()
    parts = ("levels", "strangers", "steadiness", "damage", "cost")
    files = {part: given.results / f"flag_levels_{part}.json" for part in parts}
    if missing := [part for part, file in files.items() if not file.is_file()]:
        print(f"not measured: {', '.join(missing)} (benchmarks.flag_levels --only …)", file=sys.stderr)
        return 1
    text = section({part: json.loads(file.read_text(encoding="utf-8")) for part, file in files.items()})
    if given.into is None:
        print(text, end="")
        return 0
    before, found, _ = given.into.read_text(encoding="utf-8").partition(HEADING)
    if not found:
        print(f"{given.into} has no {HEADING}", file=sys.stderr)
        return 1
    given.into.write_text(before + text, encoding="utf-8")
    return 0


def section(results: dict[str, dict[str, Any]]) -> str:
    """Return the section as Markdown."""
    photos, levels = results["levels"]["photos"], results["levels"]["levels"]
    paragraphs = [
        f"{HEADING} (`python -m benchmarks.flag_levels --photos DATA/old …`, shipped weights). {photos} old "
        f"photographs, spread over all, of which {levels['restored']} needed restoring:",
        "Pictures that are no photographs (`--only strangers`), with median distance and share flagged: "
        f"{strangers(results['strangers']['strangers'])}.",
        "Rank correlation of `sample_deviation` with the true error (`--only steadiness`): "
        f"{steadiness(results['steadiness']['steadiness'])}.",
        f"{damage(results['damage']['damage'])} Processor time (`--only cost`), as shares of a whole "
        f"restoration: {cost(results['cost']['cost'])}.",
    ]
    wrapped = [textwrap.fill(text, 145, break_on_hyphens=False) for text in paragraphs]
    return "\n\n".join([wrapped[0], table(levels["rules"]), *wrapped[1:]]) + "\n"


def table(rules: dict[str, Any]) -> str:
    """Return what the doubts measured on photographs."""
    heads = ["measurement", *(f"{percent} %" for percent in SHOWN[:-1]), "highest", "threshold", "flagged"]
    return f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}\n{level_rows(rules)}"


def level_rows(rules: dict[str, Any]) -> str:
    """Return a line of the table for each doubt."""
    lines = []
    for code in DOUBTS:
        if rule := rules.get(code):
            values = [f"{rule['percentiles'][percent]:.3g}" for percent in SHOWN]
            cells = [f"`{code}`", *values, f"{rule['threshold']:.3g}", share(rule["flagged"])]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def strangers(kinds: dict[str, Any]) -> str:
    """Return what each kind of picture measures."""
    return ", ".join(f"{kind} {one['median']:.2f} ({share(one['flagged'])})" for kind, one in kinds.items())


def steadiness(profiles: dict[str, Any]) -> str:
    """Return the coefficient for each way of ageing."""
    return ", ".join(
        f"{one['rank correlation']:.2f} for {one['photographs']} photographs aged by the profile `{name}`"
        for name, one in profiles.items()
    )


def damage(found: dict[str, Any]) -> str:
    """Return how often drawn damage passes for lettering."""
    taken = round(found["flagged"] * found["damaged"])
    return f"Drawn damage taken for lettering (`--only damage`): {taken or 'none'} of {found['damaged']} photographs."


def cost(sizes: dict[str, Any]) -> str:
    """Return the shares by size."""
    words = {"doubts": "distance and draws", "faces": "faces", "lettering": "lettering"}
    return "; ".join(
        f"{size}: " + ", ".join(f"{words[name]} {share(one[f'{name} share'])}" for name in words)
        for size, one in sizes.items()
    )


def share(value: float) -> str:
    """Return a share as a percentage."""
    return "none" if value == 0 else "all" if value == 1 else f"{100 * value:.1f} %"


if __name__ == "__main__":
    raise SystemExit(main())
