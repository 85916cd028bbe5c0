"""The records as a table and as a figure."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from benchmarks.cases import Record
from benchmarks.simulators import ONE_START, SIMULATORS, THIS
from qgmutils.computing import files
from qgmutils.report import figures

COMPARED = [name for name in SIMULATORS if name not in (THIS, ONE_START)]


def _amount(ratio: float) -> str:
    return f"{ratio:.2g}" if ratio < 10 else f"{ratio:,.0f}"


def table(records: Sequence[Record], *, width: int) -> str:
    """A heading for each case and size, and a line a simulator: time, ratio to this engine's, memory and note."""
    lines = []
    for (case, loss, n, p), rows in itertools.groupby(
        records, key=lambda r: (r.case, r.loss, r.n_qubits, r.n_params)
    ):
        lines.append(f"{case}: {loss}, n = {n}, p = {p}")
        for r in rows:
            time = "" if r.milliseconds is None else f"{r.milliseconds:.4g} ms"
            ratio = "" if r.ratio_to_this_engine is None else f"{_amount(r.ratio_to_this_engine)} x"
            memory = "" if r.peak_mib is None else f"{r.peak_mib:.1f} MiB"
            line = f"  {r.simulator:22}{time or memory:>14}{ratio:>10}  {r.note}"
            lines += textwrap.wrap(line, width, subsequent_indent=" " * 6)
    return "\n".join(lines)


def _ratios(ax: Axes, records: Sequence[Record]) -> None:
    """Times relative to this engine's by case and size, one line a simulator."""
    where = [f"{r.case}\n{r.loss.split()[0]}\n{r.n_qubits}\n{r.n_params}" for r in records]
    places = list(dict.fromkeys(where))
    for name, color, marker in zip(COMPARED, sns.color_palette("colorblind"), "osD^"):
        points = [
            (places.index(place), r.ratio_to_this_engine)
            for place, r in zip(where, records, strict=True)
            if r.simulator == name and r.ratio_to_this_engine is not None
        ]
        if not points:
            continue
        ax.plot(*zip(*points, strict=True), marker, color=color, label=name)
        for x, y in points:
            ax.annotate(_amount(y), (x, y), (5, 0), textcoords="offset points", va="center", fontsize=7)
    ax.axhline(1, color="black", lw=1)
    ax.set(yscale="log", ylabel="time / time of this engine", xlim=(-0.5, len(places) - 0.3))
    ax.set_xticks(range(len(places)), places, fontsize=7)
    ax.set_xlabel("case, loss, qubits $n$, angles $p$")
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.12g}"))
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)


def _machine(ax: Axes, records: Sequence[Record]) -> None:
    """Share of the peak by number of qubits."""
    qubits, shares = [r.n_qubits for r in records], [100 * (r.share_of_peak or 0.0) for r in records]
    ax.plot(qubits, shares, "o-")
    ax.set(xlabel="qubits $n$", ylabel="this engine, % of\none core's peak")
    ax.set(xticks=qubits, ylim=(0, 1.1 * max(shares)))


def figure(records: Sequence[Record]) -> Figure | None:
    """Ratios of times, and what this engine makes of the machine; None where memory alone was measured."""
    compared = [r for r in records if r.case in ("loss_and_grad", "hessian", "minima")]
    alone = [r for r in records if r.case == "roofline"]
    panels = [(draw, rows) for draw, rows in ((_ratios, compared), (_machine, alone)) if rows]
    if not panels:
        return None
    figures.use_style()
    fig = Figure(figsize=(7, 3.5 * len(panels)), layout="constrained")
    for ax, (draw, rows) in zip(fig.subplots(len(panels), squeeze=False).flat, panels, strict=True):
        draw(ax, rows)
    return fig


def save(records: Sequence[Record], beside: Path) -> list[Path]:
    """Write the figure beside the records, as .png and .pdf."""
    fig = figure(records)
    if fig is None:
        return []
    paths = [beside.with_suffix(f".{kind}") for kind in ("png", "pdf")]
    for path in paths:
        with files.whole_file(path) as temporary, mpl.rc_context({"savefig.dpi": 150}):
            fig.savefig(temporary, format=path.suffix[1:])
    return paths
