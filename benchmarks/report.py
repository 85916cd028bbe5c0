"""The records as a table and as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from benchmarks.simulators import ENGINES, ONE_START, THIS
from qgmutils.computing import files
from qgmutils.report import figures

Record = dict[str, Any]


def _amount(ratio: float) -> str:
    return f"{ratio:.2g}" if ratio < 10 else f"{ratio:,.0f}"


def _remark(record: Record) -> str:
    parts = []
    if record.get("share_of_peak") is not None:
        parts.append(f"{record['share_of_peak']:.0%} of the peak of {record['peak_gflops']:.1f} Gflop/s")
    if record.get("relative_to_median") is not None:
        parts.append(f"{record['relative_to_median']:.2f} of the median of t/(q 2^n)")
    if record["peak_mib"] is not None:
        parts.append(f"{record['peak_mib']:.1f} MiB")
    if record.get("extrapolated"):
        parts.append("extrapolated")
    if record.get("note"):
        parts.append(record["note"])
    return "; ".join(parts)


def table(records: Sequence[Record]) -> str:
    """One line a record: times per circuit, and how many times those of this engine they are."""
    lines = [f"{'case':14}{'problem':12}{'n':>3}{'p':>7}  {'engine':44}{'ms':>13}{'ratio':>11}"]
    for r in records:
        time = "" if r["milliseconds"] is None else f"{r['milliseconds']:.4g}"
        ratio = "" if r["ratio_to_this_engine"] is None else f"{_amount(r['ratio_to_this_engine'])} x"
        size = f"{r['n_qubits']:>3}{r['n_params']:>7}"
        line = f"{r['case']:14}{r.get('problem', ''):12}{size}  {r['engine']:44}{time:>13}{ratio:>11}"
        lines.append(f"{line}  {_remark(r)}".rstrip())
    return "\n".join(lines)


def _losses(ax: Axes, records: Sequence[Record]) -> None:
    """Ratios by size, one line an engine."""
    rows = [r for r in records if r["case"] == "loss_and_grad"]
    sizes = list(dict.fromkeys((r["problem"], r["n_qubits"], r["n_params"]) for r in rows))
    names = [name for name in ENGINES if name not in (THIS, ONE_START)]
    for name, color, marker in zip(names, sns.color_palette("colorblind"), "osD^"):
        own = [r for r in rows if r["engine"] == name and r["ratio_to_this_engine"] is not None]
        if not own:
            continue
        at = [sizes.index((r["problem"], r["n_qubits"], r["n_params"])) for r in own]
        ratios = [r["ratio_to_this_engine"] for r in own]
        ax.plot(at, ratios, marker, color=color, ms=8, label=name)
        for x, y in zip(at, ratios, strict=True):
            ax.annotate(
                _amount(y), (x, y), (7, 0), textcoords="offset points", va="center", fontsize="x-small"
            )
    ax.set_xticks(
        range(len(sizes)), [f"{name.split()[0]}\n{n}\n{p}" for name, n, p in sizes], fontsize="small"
    )
    ax.set_xlabel("Hamiltonian, qubits $n$, angles $p$")
    ax.set(title="loss and gradient", ylabel="time of this engine = 1", xlim=(-0.5, len(sizes) - 0.5))
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    _ratio_scale(ax)


def _ratio_scale(ax: Axes) -> None:
    ax.set_yscale("log")
    ax.axhline(1, color="black", lw=1)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.12g}"))
    low, high = ax.get_ylim()
    ax.set_ylim(min(low, 0.7), 2 * high)


def _totals(ax: Axes, records: Sequence[Record]) -> None:
    """Ratios of Hessians and minima, one bar a record."""
    rows = [
        r
        for r in records
        if r["case"] in ("hessian", "minima")
        and r["engine"] != THIS
        and r["ratio_to_this_engine"] is not None
    ]
    colors = sns.color_palette("colorblind")
    names = [name for name in ENGINES if name not in (THIS, ONE_START)]
    for x, r in enumerate(rows):
        color = colors[next(i for i, name in enumerate(names) if r["engine"].startswith(name))]
        guessed = bool(r.get("extrapolated"))
        style = {"facecolor": "white", "hatch": "//"} if guessed else {"facecolor": color}
        # A logarithmic axis has no zero for bars to start from; equal times are where they start.
        ax.bar(x, r["ratio_to_this_engine"] - 1, 0.6, bottom=1, edgecolor=color, **style)
        text = _amount(r["ratio_to_this_engine"]) + ("\nextrapolated" if guessed else "")
        height = (x, r["ratio_to_this_engine"])
        ax.annotate(text, height, (0, 3), textcoords="offset points", ha="center", fontsize="x-small")
    labels = [f"{r['case']}\n{r['n_qubits']}\n{r['n_params']}" for r in rows]
    ax.set_xticks(range(len(rows)), labels, fontsize="small")
    ax.set_xlabel("qubits $n$, angles $p$")
    ax.set(title="Hessian, certified minima", xlim=(-0.6, max(len(rows), 1) - 0.4))
    _ratio_scale(ax)


def _machine(ax: Axes, records: Sequence[Record]) -> None:
    """Share of the peak, and growth of the time, by number of qubits."""
    colors = sns.color_palette("colorblind")
    for case, key, color, marker, label in (
        ("roofline", "share_of_peak", colors[0], "o-", "share of one\ncore's peak"),
        ("growth", "relative_to_median", colors[1], "s--", "time / (gates $2^n$),\nmedian = 1"),
    ):
        rows = [r for r in records if r["case"] == case]
        if rows:
            ax.plot([r["n_qubits"] for r in rows], [r[key] for r in rows], marker, color=color, label=label)
    ax.set(title="this engine on one core", xlabel="qubits $n$", ylabel="ratio")
    ax.set_ylim(bottom=0)
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))


def figure(records: Sequence[Record]) -> Figure:
    """Ratios of times by case, and what this engine makes of the machine; cases that were not measured are left out."""
    figures.use_style()
    present = {r["case"] for r in records}
    wide, narrow = {"loss_and_grad"} & present, []
    for draw, kinds in ((_totals, {"hessian", "minima"}), (_machine, {"roofline", "growth"})):
        if kinds & present:
            narrow.append(draw)
    fig = Figure(figsize=(12.8, 7.2 if wide and narrow else 4), layout="constrained")
    parts = list(fig.subfigures(bool(wide) + bool(narrow), 1, squeeze=False).flat)
    if wide:
        _losses(parts[0].subplots(), records)
    if narrow:
        for ax, draw in zip(parts[-1].subplots(1, len(narrow), squeeze=False)[0], narrow, strict=True):
            draw(ax, records)
    return fig


def save(records: Sequence[Record], beside: Path) -> list[Path]:
    """Write the figure beside the records, as .png and .pdf; nothing where memory alone was measured."""
    if not {r["case"] for r in records} - {"memory"}:
        return []
    fig = figure(records)
    paths = [beside.with_suffix(f".{kind}") for kind in ("png", "pdf")]
    for path in paths:
        with files.whole_file(path) as temporary, mpl.rc_context({"savefig.dpi": 150}):
            fig.savefig(temporary, format=path.suffix[1:])
    return paths
