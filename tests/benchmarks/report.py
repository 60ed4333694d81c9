# SPDX-License-Identifier: Apache-2.0
"""Tables of figures: a value, what it is measured against in the same run, and the ratio."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of a table; `ours` and `other` share a unit."""

    what: str
    ours: float
    other: float
    other_name: str
    unit: str


def show(figures: list[Figure]) -> None:
    """Print figures as a Markdown table."""
    print("| what | ours | against | ratio |\n|---|---|---|---|")
    for each in figures:
        ratio = each.ours / each.other if each.other else float("nan")
        ours = f"{each.ours:.1f} {each.unit}"
        against = f"{each.other:.1f} {each.unit} ({each.other_name})"
        print(f"| {each.what} | {ours} | {against} | {ratio:.2f} |")
