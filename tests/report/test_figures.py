from __future__ import annotations

import io
import json
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
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


def test_colours_differ_for_colour_blind_readers() -> None:
    colours = [item["color"] for item in mpl.rcParams["axes.prop_cycle"]]
    assert len(colours) >= 8
    # The usual model of deuteranopia, in linear RGB (Viénot, Brettel and Mollon 1999).
    model = np.array([[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]])
    seen = np.array([model @ np.array(mpl.colors.to_rgb(colour)) ** 2.2 for colour in colours[:6]])
    distances = np.linalg.norm(seen[:, None] - seen[None], axis=-1) + np.eye(6)
    assert distances.min() > 0.05


def test_text_stays_text_in_pdf(drawn: tuple[Figure, pd.DataFrame]) -> None:
    buffer = io.BytesIO()
    drawn[0].savefig(buffer, format="pdf")
    assert b"/Type3" not in buffer.getvalue()


def test_ridges_have_one_row_a_sample_and_one_legend_entry_a_kind(rng):
    fig, ax = plt.subplots()
    line = figures.Curve([0.0, 0.5, 2.0], [0.0, 3.0, 1.0], {"label": "theory"}, error=[0.1, 0.1, 0.1])
    rows = [figures.Ridge(f"row {i}", rng.uniform(0, 1, 50), [line], 0.3, f"{i} %") for i in range(3)]
    figures.ridges(ax, rows, bins=np.linspace(0, 1, 11), sample="sample", mark="mark", note="note")
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["row 0", "row 1", "row 2"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["sample", "theory", "mark"]
    drawn = [curve for curve in ax.get_lines() if curve.get_label() == "theory"]
    assert [curve.get_ydata().max() for curve in drawn] == pytest.approx([0.85, 1.85, 2.85])
    assert all(curve.get_xdata().max() <= 1 for curve in drawn)  # the notes stand beyond
    plt.close(fig)


def test_a_panel_may_have_a_table_of_its_own(drawn: tuple[Figure, pd.DataFrame], tmp_path: Path) -> None:
    fig, table = drawn
    figures.save(fig, table, notebook="01_x", run="a", output_dir=tmp_path, parts={"panel": table.head(2)})
    assert len(pd.read_csv(tmp_path / "01_x.a.csv")) == len(table)
    assert len(pd.read_csv(tmp_path / "01_x.a.panel.csv")) == 2
    with pytest.raises(ValueError, match=r"part is 'a/b'"):
        figures.save(fig, table, notebook="01_x", output_dir=tmp_path, parts={"a/b": table})
