from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from qgmutils.computing import tasks
from qgmutils.report import figures


@pytest.fixture(autouse=True)
def plain_matplotlib() -> object:
    with mpl.rc_context({"backend": "agg"}):
        figures.use_style()
        yield
    plt.close("all")


def draw(table: pd.DataFrame) -> Figure:
    fig, ax = plt.subplots(figsize=(3, 2))
    ax.plot(table["γ"], table["count"], label="$E_{th}$")
    return fig


@pytest.fixture
def drawn(rng: np.random.Generator) -> tuple[Figure, pd.DataFrame]:
    table = pd.DataFrame({"γ": rng.random(5), "count": rng.integers(9, size=5), "name": list("abcde")})
    return draw(table), table


@pytest.mark.parametrize(("run", "stem"), [("", "01_x"), ("tfim", "01_x.tfim")])
def test_saves_three_files(run: str, stem: str, drawn: tuple[Figure, pd.DataFrame], tmp_path: Path) -> None:
    fig, table = drawn
    parameters = {"seed": 7, "output_dir": "/home/somebody", "n_qubits": np.int64(4)}
    figures.save(fig, table, notebook="01_x", run=run, output_dir=tmp_path / "new", parameters=parameters)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        f"{stem}.{kind}" for kind in ("csv", "pdf", "png")
    ]
    path = tmp_path / "new" / stem
    # Six digits are written.
    pd.testing.assert_frame_equal(pd.read_csv(f"{path}.csv"), table, check_exact=False, rtol=5.1e-6)
    with Image.open(f"{path}.png") as image:
        source = json.loads(image.info["Description"])
    assert source["parameters"] == {"seed": 7, "n_qubits": "4"}
    account = tasks.account()
    assert (source["versions"], source["code"]) == (account.versions, account.code)
    pdf = Path(f"{path}.pdf").read_bytes()
    assert b"n_qubits" in pdf
    assert b"CreationDate" not in pdf
    assert b"somebody" not in pdf


def test_same_figure_gives_the_same_bytes(drawn: tuple[Figure, pd.DataFrame], tmp_path: Path) -> None:
    first, table = drawn
    # Drawn anew, as in a second run; one figure saved twice may differ, since the layout is refined when it is drawn.
    for name, fig in (("a", first), ("b", draw(table))):
        figures.save(fig, table, notebook="01_x", output_dir=tmp_path / name)
    for kind in ("csv", "pdf", "png"):
        assert (tmp_path / "a" / f"01_x.{kind}").read_bytes() == (
            tmp_path / "b" / f"01_x.{kind}"
        ).read_bytes()


def test_settings_of_the_user_change_nothing(tmp_path: Path) -> None:
    table = pd.DataFrame({"γ": np.linspace(0, 1, 5), "count": np.arange(5)})
    saved = []
    for number, settings in enumerate(
        ({}, {"lines.markersize": 20, "axes.grid": True, "font.family": "serif"})
    ):
        mpl.rcParams.update(settings)
        figures.use_style()
        figures.save(draw(table), table, notebook="x", output_dir=tmp_path / str(number))
        saved.append((tmp_path / str(number) / "x.png").read_bytes())
    assert saved[0] == saved[1]
    assert mpl.rcParams["font.family"] == ["DejaVu Sans"]


def test_last_bits_are_not_written(tmp_path: Path) -> None:
    values = np.array([1 / 3, 2e-9, 123456.5])
    for name, table in (("a", values), ("b", np.nextafter(values, 1))):
        figures.save(plt.figure(), pd.DataFrame({"value": table}), notebook="x", output_dir=tmp_path / name)
    assert (tmp_path / "a" / "x.csv").read_bytes() == (tmp_path / "b" / "x.csv").read_bytes()


def test_failure_leaves_the_old_files(
    drawn: tuple[Figure, pd.DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fig, table = drawn
    figures.save(fig, table, notebook="01_x", output_dir=tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def break_off(path: Path, **options: object) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fig, "savefig", break_off)
    with pytest.raises(OSError, match="No space left"):
        figures.save(fig, table, notebook="01_x", output_dir=tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_wrong_names_and_folders_are_refused(drawn: tuple[Figure, pd.DataFrame], tmp_path: Path) -> None:
    fig, table = drawn
    with pytest.raises(ValueError, match=r"notebook is '\.\./x'"):
        figures.save(fig, table, notebook="../x", output_dir=tmp_path)
    with pytest.raises(ValueError, match=r"run is 'a\.b'"):
        figures.save(fig, table, notebook="x", run="a.b", output_dir=tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"output_dir .* cannot be written to"):
        figures.save(fig, table, notebook="x", output_dir=tmp_path / "file" / "below")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def linear(color: str) -> np.ndarray:
    """Red, green and blue as light adds (the sRGB standard)."""
    rgb = np.array(mpl.colors.to_rgb(color))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def test_colours_differ_for_colour_blind_readers() -> None:
    colours = [item["color"] for item in mpl.rcParams["axes.prop_cycle"]]
    assert len(colours) >= 8
    # The usual models of deuteranopia and protanopia, in linear RGB (Viénot, Brettel and Mollon 1999).
    deuteranopia = np.array([[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]])
    protanopia = np.array([[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]])
    for model in (deuteranopia, protanopia):
        seen = np.array([model @ linear(colour) for colour in colours])
        distances = np.linalg.norm(seen[:, None] - seen[None], axis=-1) + np.eye(len(seen))
        assert distances.min() > 0.05
        assert distances[:6, :6].min() > 0.1


def test_colours_differ_in_grey() -> None:
    # L* of CIELAB, of which a reader tells about 2 apart.
    luminance = np.array([linear(colour) @ [0.2126, 0.7152, 0.0722] for colour in figures.COLORS])
    lightness = 116 * np.cbrt(luminance) - 16
    assert np.diff(np.sort(lightness[:4])).min() > 15
    assert np.diff(np.sort(lightness)).min() > 5
    assert lightness.max() < 80  # on white


def test_series_differ_in_colour_marker_and_line() -> None:
    looks = [figures.look(i) for i in range(8)]
    for name in ("color", "marker", "ls"):
        assert len({look[name] for look in looks}) == 8
    assert figures.look(8) == looks[0]
    lightness = np.array([linear(shade[:3]) @ [0.2126, 0.7152, 0.0722] for shade in figures.shades(5)])
    assert (np.diff(lightness) > 0).all()


def test_pages_are_seven_inches_wide_and_name_their_panels() -> None:
    fig, axes = figures.page(2, 3, height=4)
    assert fig.get_size_inches() == pytest.approx([7, 4])
    assert [ax.texts[0].get_text() for ax in axes.flat] == list("abcdef")
    fig, ax = figures.page(height=2)
    assert not ax.texts
    fig, axes = figures.mosaic("ab;ac", height=3, width_ratios=(3, 2))
    assert [ax.texts[0].get_text() for ax in axes.values()] == list(axes) == list("abc")
    fig.draw_without_rendering()
    assert axes["a"].get_window_extent().height > 2 * axes["b"].get_window_extent().height


def drawn_panel() -> tuple[Figure, Axes]:
    fig, axes = figures.page(2, 2, height=5)
    for i, ax in enumerate(axes.flat):
        ax.plot([1, 2, 3], [1, 2, 3], label=f"line {i}", **figures.look(i))
        ax.set(xlabel="number of parameters p", ylabel="mean energy E", title="A title for this panel")
        ax.legend()
    return fig, axes[0, 0]


def test_a_figure_of_the_style_has_no_faults(tmp_path: Path) -> None:
    fig, _ = drawn_panel()
    assert figures.faults(fig) == []
    figures.save(fig, pd.DataFrame({"x": [1]}), notebook="x", output_dir=tmp_path)
    with Image.open(tmp_path / "x.png") as image:
        assert image.size == (1050, 750)
    assert (tmp_path / "x.png").stat().st_size < 250_000


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda ax: ax.set_title("small", fontsize=6), "'small' has 6 points, fewer than 7"),
        (lambda ax: ax.legend(fontsize=5), "'line 0' has 5 points"),
        (lambda ax: ax.tick_params(labelsize=6), "has 6 points"),
        (lambda ax: ax.set_title(30 * "long "), "is cut off at the edge"),
        (lambda ax: ax.figure.text(0.5, 1.0, "high", va="center"), "'high' is cut off at the edge"),
        (
            lambda ax: ax.set_xticks([1, 2, 2.01], ["one", "two", "three"]),
            "'two' and 'three' lie on each other",
        ),
        (lambda ax: ax.set_title(14 * "long "), "lie on each other"),  # the next panel
    ],
)
def test_faults_are_found(spoil: Callable[[Axes], object], fault: str) -> None:
    fig, ax = drawn_panel()
    spoil(ax)
    assert any(fault in found for found in figures.faults(fig)), figures.faults(fig)


def test_ticks_outside_of_the_axis_are_no_faults() -> None:
    fig, ax = drawn_panel()
    ax.set_xticks([1, 2, 50, 50.001], ["one", "two", "far", "farther"])
    ax.set_xlim(0.5, 3)
    assert figures.faults(fig) == []


def test_points_have_their_errors() -> None:
    rows = pd.DataFrame(
        {"x": [1, 2], "y": [1.0, 2.0], "se": [0.1, 0.2], "low": [0.5, 1.9], "high": [1.2, 1.95]}
    )
    _, ax = figures.page(height=2)
    figures.points(ax, rows, "x", "y", error="se", label="a", **figures.look(0))
    figures.points(ax, rows, "x", "y", error=("low", "high"), label="b", **figures.look(1))
    first, second = (np.array(container.lines[2][0].get_segments())[:, :, 1] for container in ax.containers)
    np.testing.assert_allclose(first, [[0.9, 1.1], [1.8, 2.2]])
    np.testing.assert_allclose(second, [[0.5, 1.2], [1.9, 2.0]])  # the second estimate is above its interval


def test_labels_stand_at_the_ends_of_lines_and_apart() -> None:
    fig, ax = figures.page(height=3)
    for i, end in enumerate([1.0, 1.001, 0.0, 0.5]):
        ax.plot([0, 1, 2], [0.2, 0.3, end], label=f"line {i}", color=figures.COLORS[i])
    ax.errorbar([0, 1, 2], [0.2, 0.3, np.nan], 0.1, label="broken")
    ax.plot([], [], label="nothing")
    figures.label_lines(ax)
    assert [text.get_text() for text in ax.texts] == ["line 2", "broken", "line 3", "line 0", "line 1"]
    assert figures.faults(fig) == []
    height = {text.get_text(): text.xy[1] for text in ax.texts}
    place = ax.transAxes.inverted().transform(ax.transData.transform([(2, 0.0), (2, 0.5), (2, 1.0005)]))
    found = [height["line 2"], height["line 3"], (height["line 0"] + height["line 1"]) / 2]
    assert found == pytest.approx(place[:, 1], abs=1e-3)


def test_text_stays_text_in_pdf(drawn: tuple[Figure, pd.DataFrame]) -> None:
    buffer = io.BytesIO()
    drawn[0].savefig(buffer, format="pdf")
    assert b"/Type3" not in buffer.getvalue()


def ridge_axes(rows: list[figures.Ridge]) -> Axes:
    fig, ax = figures.page(height=4)
    figures.ridges(ax, rows, bins=np.linspace(0, 1, 11), sample="sample", mark="mark", unit="E")
    assert figures.faults(fig) == []
    return ax


def test_ridges_have_one_row_a_sample_and_one_legend_entry_a_kind(rng: np.random.Generator) -> None:
    line = figures.Curve([0.0, 0.5, 2.0], [0.0, 3.0, 1.0], {"label": "theory"}, error=[0.1, 0.1, 0.1])
    ax = ridge_axes([figures.Ridge(f"row {i}", rng.uniform(0, 1, 50), [line], 0.3) for i in range(3)])
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["row 0", "row 1", "row 2"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["sample", "theory", "mark"]
    drawn = [curve for curve in ax.get_lines() if curve.get_label() == "theory"]
    assert all(curve.get_xdata().max() <= 1 for curve in drawn)


def test_sample_and_prediction_of_a_ridge_have_one_unit() -> None:
    """The law 2x on [0, 1], and a sample at its quantiles: the bins' areas are those under the curve."""
    x = np.linspace(0, 1, 101)
    law = figures.Curve(x, 7 * x, {"label": "theory"})  # of any norm
    sample = np.sqrt((np.arange(1000) + 0.5) / 1000)
    ax = ridge_axes([figures.Ridge("row", sample, [law]), figures.Ridge("alone", sample)])
    (curve,) = [line for line in ax.get_lines() if line.get_label() == "theory"]
    (height, edges, _), (alone, _, base) = (patch.get_data() for patch in ax.patches)
    middle = (edges[1:] + edges[:-1]) / 2
    np.testing.assert_allclose(height, np.interp(middle, curve.get_xdata(), curve.get_ydata()), atol=0.01)
    (scale,) = ax.child_axes
    texts = [tick.get_text() for tick in scale.get_yticklabels()]
    assert curve.get_ydata().max() == pytest.approx(0.85)  # at the tick, which says 2
    assert texts == ["2", "1.9"]
    assert alone.max() == pytest.approx(base + 0.85)


def test_a_peak_of_a_ridge_is_cut_and_marked() -> None:
    flat = figures.Curve([0.0, 1.0], [1.0, 1.0], {"label": "theory"})
    ax = ridge_axes([figures.Ridge("solved", np.zeros(50), [flat]), figures.Ridge("empty", [])])
    (curve,) = [line for line in ax.get_lines() if line.get_label() == "theory"]
    assert curve.get_ydata() == pytest.approx(0.85 / 4)  # all of the sample in one bin has the density 10
    height, _, _ = ax.patches[0].get_data()
    assert height.max() == pytest.approx(0.85)
    marks = [line.get_xydata() for line in ax.get_lines() if line.get_marker() == "^"]
    np.testing.assert_allclose(np.concatenate(marks), [[0.05, 0.89]])


def test_a_panel_may_have_a_table_of_its_own(drawn: tuple[Figure, pd.DataFrame], tmp_path: Path) -> None:
    fig, table = drawn
    figures.save(fig, table, notebook="01_x", run="a", output_dir=tmp_path, parts={"panel": table.head(2)})
    assert len(pd.read_csv(tmp_path / "01_x.a.csv")) == len(table)
    assert len(pd.read_csv(tmp_path / "01_x.a.panel.csv")) == 2
    with pytest.raises(ValueError, match=r"part is 'a/b'"):
        figures.save(fig, table, notebook="01_x", output_dir=tmp_path, parts={"a/b": table})
