"""The attempts of a run over time, as SVG: bars for how many ended, a line for those under way."""

from __future__ import annotations

from html import escape

from daskloop.page.pulse import BINS, SORTS, Pulse
from daskloop.page.words import span

__all__ = ["pulse_svg"]

_WIDTH, _HEIGHT, _BASE = 960, 150, 20  # pixels; the last below the bars, for times
_CLASSES = ("went-on", "done", "failed", "other")


def pulse_svg(pulse: Pulse) -> str:
    """Draw the attempts of a run over time; an empty text if none ended.

    Examples
    --------
    >>> pulse_svg(Pulse(0.0, 60.0, ((0, 0, 0, 0),) * BINS, (0.0,) * BINS))
    ''
    """
    if not pulse.attempts:
        return ""
    busiest = max(pulse.under_way)
    parts = [
        f'<svg class="pulse" xmlns="http://www.w3.org/2000/svg" role="img" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT + _BASE}" aria-label="{escape(_described(pulse))}">'
    ]
    each = _WIDTH / BINS
    for number, counts in enumerate(pulse.ended):
        top = float(_HEIGHT)
        for sort, count in enumerate(counts):
            if count:
                high = count / pulse.most * (_HEIGHT - 10)
                top -= high
                parts.append(
                    f'<rect class="{_CLASSES[sort]}" x="{number * each:.1f}" y="{top:.1f}" '
                    f'width="{each - 0.6:.1f}" height="{high:.1f}"/>'
                )
    if busiest > 0:
        points = " ".join(
            f"{(number + 0.5) * each:.1f},{_HEIGHT - busy / busiest * (_HEIGHT - 10):.1f}"
            for number, busy in enumerate(pulse.under_way)
        )
        parts.append(f'<polyline class="busy" points="{points}"/>')
    for part in range(5):
        anchor = "start" if part == 0 else "end" if part == 4 else "middle"
        parts.append(
            f'<text x="{_WIDTH * part / 4:.0f}" y="{_HEIGHT + 15}" text-anchor="{anchor}">'
            f"{span(pulse.seconds * part / 4)}</text>"
        )
    return "".join((*parts, "</svg>"))


def _described(pulse: Pulse) -> str:
    totals = [sum(counts[sort] for counts in pulse.ended) for sort in range(len(SORTS))]
    said = ", ".join(f"{total:,} {word}" for word, total in zip(SORTS, totals, strict=True))
    return (
        f"{pulse.attempts:,} attempts ended in {span(pulse.seconds)}: {said}. "
        f"At most {max(pulse.under_way):.3g} were under way at once, on average over "
        f"{span(pulse.seconds / BINS)}."
    )
