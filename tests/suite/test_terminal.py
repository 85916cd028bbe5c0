from __future__ import annotations

import signal
import subprocess
import sys

import pytest
import throwaway

from qgmutils.suite import terminal

ROWS = [("notebook", "claim"), ("01_x", "a rather long sentence that has to be wrapped " * 3)]


def test_table_fits_the_width() -> None:
    lines = terminal.verdict_table(ROWS, width=60).splitlines()
    assert max(map(len, lines)) <= 60
    assert lines[1].startswith("--------")
    assert len(lines) > 4


def test_words_stay_whole_where_there_is_room() -> None:
    name = "03_minima_distribution.fermi_hubbard"
    rows = [("notebook", "claim"), (name, "words of a sentence " * 9)]
    for width in (70, 100):
        lines = terminal.verdict_table(rows, width=width).splitlines()
        assert lines[2].startswith(f"{name}  words of a ")
        assert max(map(len, lines)) <= width
    assert max(map(len, terminal.verdict_table(rows, width=40).splitlines())) <= 40


def test_a_row_is_a_paragraph_where_columns_have_no_room() -> None:
    row = ("01_loss_distribution", "words of it " * 9, "a number that is small", "", "not reproduced")
    rows = [("notebook", "claim", "expected", "observed", "verdict"), row, row]
    lines = terminal.verdict_table(rows, width=60).splitlines()
    assert lines[0] == "notebook  01_loss_distribution"
    assert lines[1].startswith("claim     words of it words of it")
    assert lines[2].startswith("          ")
    assert lines[-3:] == ["expected  a number that is small", "observed", "verdict   not reproduced"]
    assert lines.count("") == 1
    assert max(map(len, lines)) <= 60
    assert terminal.verdict_table(rows, width=70).startswith("notebook            claim         expected")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.6, "1 min 00 s"), (3599, "59 min 59 s"), (7500, "2 h 05 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert terminal.duration(seconds) == text


PLAIN = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize(
    "settings",
    [
        {"PYTHONIOENCODING": "cp1252"},
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "ascii:strict"},
        {"LC_ALL": "POSIX", **PLAIN},
        {"LC_ALL": "C", **PLAIN},
    ],
    ids=str,
)
def test_what_an_encoding_lacks_is_replaced(settings: dict[str, str]) -> None:
    code = (
        "from qgmutils.suite import terminal; terminal.show_what_can_be_shown();"
        "import sys; print('Kac\\u2013Rice \\u03b3 \\udc80'); print('\\u03bb', file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=throwaway.environment(**settings), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"Kac")
    assert done.stdout.rstrip().endswith(b"?")


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.usefixtures("heed_interrupts")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signals_interrupt_once(name: str) -> None:
    code = (
        "from qgmutils.suite import terminal; import os, signal; terminal.interrupt_on_signals()\n"
        f"try: os.kill(os.getpid(), signal.{name}); signal.pause()\n"
        "except KeyboardInterrupt:\n"
        "    for other in terminal.ENDING: os.kill(os.getpid(), other)\n"
        "    print('cleaned up')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=throwaway.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "cleaned up\n"), done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_what_is_ignored_stays_ignored() -> None:
    before = {number: signal.getsignal(number) for number in terminal.ENDING}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        terminal.interrupt_on_signals()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) not in (signal.SIG_IGN, signal.SIG_DFL)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
