"""Draw the raw figures of docs/performance as pictures beside them.

python ci/bench/plots.py

Needs matplotlib; `ci/bench/run` makes an environment that has it. Each picture has a title that
can stand for it where it cannot be seen; they are printed at the end, ready for a page.
"""

from __future__ import annotations

import argparse
import json
import statistics
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

_DOCS = Path(__file__).resolve().parents[2] / "docs" / "performance"
_OURS, _THEIRS, _TEXT = "#d1495b", "#8d99ae", "#2b2d42"
_LONGEST_REASON = 60

_PEERS = {
    "peers-rates": ("What one iteration and one task cost, by system", ("W1", "W2", "W4")),
    "peers-work": (
        "Work on 16 slots, retries on 2, and a payload of 50 MB, by system",
        ("W3", "W5", "W6"),
    ),
}
_WORKLOADS = {
    "W1": ("One loop of trivial iterations: ms per iteration (less is better)", None),
    "W2": ("100 loops x 20 trivial iterations: iterations per second (more is better)", None),
    "W3": ("32 loops x 10 iterations x 10 ms, 16 slots: s (less is better)", 0.2),
    "W4": ("A map of 2,000 trivial tasks: tasks per second (more is better)", None),
    "W5": ("64 items fail once and wait 1 s, 2 slots: s (less is better)", 1.0),
    "W6": ("A loop that carries 50 MB: s per iteration (less is better)", None),
}


@dataclass(frozen=True)
class Bar:
    """One line of a chart."""

    label: str
    values: Sequence[float]
    """What was measured; empty where there is only a reason."""
    ours: bool
    why: str = ""


@dataclass(frozen=True)
class Chart:
    """Bars of one unit."""

    title: str
    bars: Sequence[Bar]
    ideal: float | None = None


def peer_chart(raw: Mapping[str, Any], workload: str) -> Chart:
    """Collect the bars of one workload, the best first."""
    bars = []
    for row in raw["rows"]:
        cell = row["cells"].get(workload)
        if cell is None or cell["why"] == "see on a client":
            continue
        values = [one["value"] for one in cell["samples"]]
        bars.append(Bar(row["label"], values, row["peer"] == "ours", cell["why"]))
    title, ideal = _WORKLOADS[workload]
    sign = -1 if "more is better" in title else 1
    have = [bar for bar in bars if bar.values]
    have.sort(key=lambda bar: sign * statistics.median(bar.values))
    return Chart(title, [*have, *(bar for bar in bars if not bar.values)], ideal)


def row_charts(raw: Mapping[str, Any]) -> Iterator[Chart]:
    """Collect the bars of a file of rows: ours beside what each was compared with."""
    groups = [raw] if "rows" in raw else [raw[number] for number in sorted(raw)]
    of_unit: dict[str, list[Bar]] = {}
    for row in (row for group in groups for row in group["rows"]):
        if row["raw"] is None:
            continue
        unit = {
            "/s": "per second (more is better)",
            "ms": "ms (less is better)",
            "s": "s (less is better)",
            "bytes": "bytes (less is better)",
        }.get(row["ours"]["unit"], row["ours"]["unit"])
        for side, ours in (("ours", True), ("raw", False)):
            figure = row[side]
            label = f"{row['what'].partition('. ')[2]}, {row['where']}: {figure['name']}"
            values = [one["value"] for one in figure["samples"]]
            of_unit.setdefault(unit, []).append(Bar(label, values, ours))
    for unit, bars in of_unit.items():
        yield Chart(unit, bars)


def draw(axes: Axes, chart: Chart) -> None:
    """Draw one chart."""
    places = range(len(chart.bars))
    known = [value for bar in chart.bars for value in bar.values if value > 0]
    low = min(known) / 3 if known else 0.1
    high = max(known) * 1.35 if known else 1.0
    high *= (high / low) ** 0.08  # room for the figure beside the longest bar
    for place, bar in zip(places, chart.bars, strict=True):
        if not bar.values:
            reason = textwrap.shorten(bar.why, _LONGEST_REASON, placeholder=" ...")
            axes.text(
                low * 1.1, place, reason, va="center", color=_TEXT, fontsize=7.5, style="italic"
            )
            continue
        middle = statistics.median(bar.values)
        spread = [[middle - min(bar.values)], [max(bar.values) - middle]]
        axes.barh(
            place,
            middle - low,
            left=low,
            xerr=spread if len(bar.values) > 1 else None,
            color=_OURS if bar.ours else _THEIRS,
            error_kw={"ecolor": _TEXT, "capsize": 2, "lw": 1},
            height=0.72,
        )
        end = max(bar.values)
        axes.text(end * 1.08, place, said(middle), va="center", color=_TEXT, fontsize=7.5)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_yticks(list(places), [bar.label for bar in chart.bars], fontsize=8)
    for tick, bar in zip(axes.get_yticklabels(), chart.bars, strict=True):
        tick.set_color(_OURS if bar.ours else _TEXT)
    dress(axes, chart)


def dress(axes: Axes, chart: Chart) -> None:
    """Give a chart its title, its axis and its ideal."""
    ideal = chart.ideal
    note = "" if ideal is None else f"; dotted: ideal, {ideal:g}"
    axes.set_title(chart.title + note, fontsize=9.5, loc="left", color=_TEXT)
    if ideal is not None:
        axes.axvline(ideal, color=_TEXT, lw=1, ls=":")
    low, high = axes.get_xlim()
    wide = high / low > 30
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(len(chart.bars) - 0.4, -0.6)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(axis="x", which="major", color="#e5e7eb", lw=0.8)
    axes.set_axisbelow(True)


def said(value: float) -> str:
    """Write a figure in few digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def picture(path: Path, title: str, charts: Sequence[Chart], foot: str) -> None:
    """Draw charts one below the other, each as high as it has bars."""
    heights = [len(chart.bars) * 0.21 + 0.75 for chart in charts]
    figure, all_axes = plt.subplots(
        len(charts),
        1,
        figsize=(9.5, sum(heights) + 0.8),
        height_ratios=heights,
        squeeze=False,
        layout="constrained",
    )
    for axes, chart in zip(all_axes[:, 0], charts, strict=True):
        draw(axes, chart)
    figure.suptitle(title, fontsize=12, color=_TEXT, x=0.01, ha="left", weight="bold")
    figure.supxlabel(foot, fontsize=7.5, color=_TEXT, x=0.99, ha="right")
    figure.savefig(path, dpi=130, facecolor="white")
    plt.close(figure)
    print(f"![{title}](performance/{path.name})")


def foot_of(raw: Mapping[str, Any]) -> str:
    """Say on what it was measured, and how to read it."""
    group = raw if "rows" in raw else next(iter(raw.values()))
    of = group["machine"]
    return (
        f"medians, lines from the smallest to the largest; log axis; {of['cores']} cores, "
        f"{of['system']}, Python {of['python']}, {group['taken']}"
    )


_BESIDE = {
    "chain": "daskloop beside Dask driven by hand",
    "own-cluster": "daskloop on a cluster that it starts itself",
    "batch": "Iterations in company beside one in a future",
    "journal": "Loops with a journal beside those without",
}


def read(folder: Path, name: str) -> Mapping[str, Any] | None:
    """Read a raw file, if it is there."""
    path = folder / f"raw-{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def main() -> None:
    """Draw what there are figures of."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=_DOCS, help="raw files, and pictures")
    folder = parser.parse_args().folder
    peers = read(folder, "peers")
    if peers is not None:
        for name, (title, workloads) in _PEERS.items():
            charts = [peer_chart(peers, workload) for workload in workloads]
            path = folder / f"{name}.png"
            picture(path, title, [chart for chart in charts if chart.bars], foot_of(peers))
    found: list[Chart] = []
    last: Mapping[str, Any] | None = None
    for name, title in _BESIDE.items():
        raw = read(folder, name)
        if raw is None:
            continue
        last = raw
        for chart in row_charts(raw):
            found.append(Chart(f"{title}: {chart.title}", chart.bars))
    if last is not None and found:
        picture(
            folder / "beside.png", "daskloop beside the same work without it", found, foot_of(last)
        )


if __name__ == "__main__":
    main()
