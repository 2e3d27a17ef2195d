"""Rows of the table: ours, another's, the ratio, the goal."""

from dataclasses import dataclass, field
from statistics import median


@dataclass
class Row:
    """One comparison, or one figure with a limit."""

    what: str
    ours: str
    other: str = ""
    ratio: float | None = None
    goal: str = ""
    met: bool | None = None
    note: str = ""

    def cells(self):
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        verdict = {None: "", True: "met", False: "MISSED"}[self.met]
        return [self.what, self.ours, self.other, ratio, self.goal, verdict, self.note]


def ratio_row(what, ours, other, least=None, most=None, show=str, other_name="", note=""):
    """A row from figures of the same rounds: the ratio is the median of the rounds' ratios."""
    ratio = median(a / b for a, b in zip(ours, other, strict=True))
    goal, met = "", None
    if least is not None:
        goal, met = f">= {least:g}", ratio >= least
    if most is not None:
        goal, met = f"<= {most:g}", ratio <= most
    return Row(what, show(median(ours)), f"{other_name} {show(median(other))}".strip(), ratio, goal, met, note)


def limit_row(what, figure, most, unit, note="", strict=True):
    """A row about one figure that must stay below a limit."""
    met = figure < most if strict else figure <= most
    return Row(what, f"{figure:.1f} {unit}", goal=f"{'<' if strict else '<='} {most:g} {unit}", met=met, note=note)


def difference_row(what, ours, other, most, other_name):
    """A row from figures of the same rounds, in milliseconds: the median of the rounds' differences has the limit."""
    more = median(a - b for a, b in zip(ours, other, strict=True))
    beside = f"{other_name} {milliseconds(median(other))}"
    return Row(what, milliseconds(median(ours)), beside, None, f"<= {most:g} ms more", more <= most, f"{more:+.2f} ms")


def per_second(value):
    return f"{value:,.0f}/s"


def milliseconds(value):
    return f"{value:.2f} ms"


@dataclass
class Table:
    """All rows."""

    rows: list[Row] = field(default_factory=list)

    def add(self, row):
        self.rows.append(row)

    def missed(self):
        return [row for row in self.rows if row.met is False]

    def print(self, bench):
        head = ["what", "hook", "beside it", "ratio", "goal", "", "note"]
        lines = [head, *(row.cells() for row in self.rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        for at, line in enumerate(lines):
            print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |")
            if at == 0:
                print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
        print()
        for line in bench.machine():
            print(line)
        print(f"{bench.rounds} rounds, contenders interleaved, medians; ratios are medians of the rounds' ratios")
