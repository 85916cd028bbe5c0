from __future__ import annotations

import shutil
import subprocess

import pytest

from qgmutils.command.__main__ import main


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_shell_understands_the_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for word in ("doctor", "--older-than", "lightning" if shell == "" else "pennylane"):
        assert word in script
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    subprocess.run([shell, "-n"], input=script, text=True, check=True)


def test_bash_completes_commands_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash")
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    for words, found in {"qgm do": "doctor", "qgm cache pr": "prune", "qgm figures --see": "--seed"}.items():
        ask = f"""
COMP_WORDS=({words}) COMP_CWORD={len(words.split()) - 1}
$(complete -p qgm | grep -oE -- '-F [^ ]+' | cut -c4-) qgm
echo "${{COMPREPLY[@]}}"
"""
        done = subprocess.run([bash], input=script + ask, text=True, capture_output=True, check=True)
        assert done.stdout.split() == [found], done.stderr
