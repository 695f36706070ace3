"""Plots as SVG, in the colours of the page's style sheet."""

import html
import math
from dataclasses import dataclass
from statistics import median

WIDTH = 560
LABEL = 190  # of the names at the left
VALUE = 74  # of the figures at the right
ROW = 30
PLOT = WIDTH - LABEL - VALUE

COLOURS = {
    "ours": "SealChat: synced before it answers",
    "durable": "synced before it answers",
    "file": "written, not synced",
    "memory": "in memory",
    "floor": "stores nothing",
}


@dataclass
class Row:
    name: str
    values: list
    colour: str


def legend():
    return " ".join(f'<span><i class="{key}"></i>{says}</span>'
                    for key, says in COLOURS.items())


def svg(height, body, label):
    return (f'<svg viewBox="0 0 {WIDTH} {height}" role="img" '
            f'aria-label="{html.escape(label)}">{body}</svg>')


def name_of(row, y):
    kind = ' class="mine"' if row.colour == "ours" else ""
    return (f'<text x="{LABEL - 10}" y="{y + 4}" text-anchor="end"{kind}>'
            f"{html.escape(row.name)}</text>")


def nice(top):
    """A step for about four lines of a grid up to there."""
    raw = top / 4
    power = 10 ** math.floor(math.log10(raw))
    return next(step * power for step in (1, 2, 2.5, 5, 10)
                if step * power >= raw)


def bars(rows, form, label):
    """Horizontal bars of medians, with a dot for each round."""
    if not rows:
        return "<p>Not measured.</p>"
    top = max(max(row.values) for row in rows) or 1
    step = nice(top)
    height = ROW * len(rows) + 26
    out = ""
    for i in range(int(top / step) + 1):
        x = LABEL + i * step / top * PLOT
        out += (f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="4" '
                f'y2="{height - 22}"/>')
        if i and x < WIDTH - VALUE - 4 or top == 1:
            out += (f'<text class="tick" x="{x:.1f}" y="{height - 8}" '
                    f'text-anchor="middle">{form(i * step)}</text>')
    for i, row in enumerate(rows):
        y = 4 + ROW * i + ROW / 2
        value = median(row.values)
        width = max(value / top * PLOT, 1.5)
        out += name_of(row, y)
        out += (f'<path class="bar {row.colour}" d="M{LABEL},{y - 8} '
                f"h{max(width - 4, 0):.1f} q4,0 4,4 v8 q0,4 -4,4 "
                f'h-{max(width - 4, 0):.1f} z"><title>'
                f"{html.escape(row.name)}: {form(value)}</title></path>")
        for seen in row.values if len(row.values) > 1 else []:
            out += (f'<circle class="dot {row.colour}" r="3" '
                    f'cx="{LABEL + seen / top * PLOT:.1f}" cy="{y}">'
                    f"<title>{form(seen)}</title></circle>")
        out += (f'<text class="value" x="{WIDTH}" y="{y + 4}" '
                f'text-anchor="end">{form(value)}</text>')
    return svg(height, out, f"{label}: " + ", ".join(
        f"{row.name} {form(median(row.values))}" for row in rows))


def dumbbells(rows, form):
    """Two values of each row on a logarithmic axis."""
    if not rows:
        return "<p>Not measured.</p>"
    low = 10 ** math.floor(math.log10(max(
        1, min(row.values[0] for row in rows))))
    high = 10 ** math.ceil(math.log10(max(
        low * 10, max(row.values[1] for row in rows))))
    height = ROW * len(rows) + 26

    def at(value):
        part = math.log(max(value, low) / low) / math.log(high / low)
        return LABEL + part * PLOT

    out, tick = "", low
    while tick <= high:
        x = at(tick)
        out += (f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="4" '
                f'y2="{height - 22}"/><text class="tick" x="{x:.1f}" '
                f'y="{height - 8}" text-anchor="middle">{form(tick)}</text>')
        tick *= 10
    for i, row in enumerate(rows):
        y = 4 + ROW * i + ROW / 2
        half, late = row.values
        out += name_of(row, y)
        out += (f'<line class="span {row.colour}" x1="{at(half):.1f}" '
                f'x2="{at(late):.1f}" y1="{y}" y2="{y}"/>')
        for value, size, says in ((half, 5, "median"),
                                  (late, 6, "99th percentile")):
            out += (f'<circle class="end {row.colour}" r="{size}" '
                    f'cx="{at(value):.1f}" cy="{y}"><title>{says} '
                    f"{form(value)}</title></circle>")
        out += (f'<text class="value" x="{WIDTH}" y="{y + 4}" '
                f'text-anchor="end">{form(late)}</text>')
    return svg(height, out, "median and 99th percentile: " + ", ".join(
        f"{row.name} {form(row.values[0])} and {form(row.values[1])}"
        for row in rows))


# --- how far from the target -------------------------------------------------

REACH = 4  # factors of two to both sides
TRACK = 280


def place(factor):
    part = math.log2(min(max(factor, 2 ** -REACH), 2 ** REACH)) / REACH
    return TRACK / 2 * (1 + part * 0.94)


def distance_axis():
    out = ""
    for step in (-3, -2, -1, 0, 1, 2, 3):
        says = "target" if step == 0 else \
            f"×{2 ** step}" if step > 0 else f"÷{2 ** -step}"
        out += (f'<text class="tick" x="{place(2 ** step):.1f}" y="12" '
                f'text-anchor="middle">{says}</text>')
    return (f'<svg class="track" viewBox="0 0 {TRACK} 16" role="img" '
            f'aria-label="worse than the target, better than it">{out}</svg>')


def distance(verdict):
    """A mark on a line whose middle is the target."""
    out = ""
    for step in range(-REACH + 1, REACH):
        x = place(2 ** step)
        kind = "target" if step == 0 else "grid"
        out += (f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="0" '
                f'y2="22"/>')
    if verdict.value:
        factors = [v / verdict.target if verdict.least
                   else verdict.target / v for v in verdict.rounds if v]
        middle = verdict.value / verdict.target if verdict.least \
            else verdict.target / verdict.value
        state = "good" if verdict.ok else "poor"
        out += (f'<line class="range {state}" x1="{place(min(factors)):.1f}" '
                f'x2="{place(max(factors)):.1f}" y1="11" y2="11"/>'
                f'<circle class="{state}" cx="{place(middle):.1f}" cy="11" '
                'r="5.5"/>')
    return (f'<svg class="track" viewBox="0 0 {TRACK} 22" '
            f'aria-hidden="true">{out}</svg>')
