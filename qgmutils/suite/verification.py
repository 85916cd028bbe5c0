"""`qgm verify`: a random sample of stored results is computed again, and compared.

`python -m qgmutils.suite.verification N` does so in the environment in which it is started.
"""

from __future__ import annotations

import sys

import numpy as np

from qgmutils.computing import verify
from qgmutils.suite import terminal


def main(sample: int) -> int:
    """Print what was compared, and how it ended.

    Parameters
    ----------
    sample : int
        How many results, at least 1.

    Returns
    -------
    int
        0 if all are the same to the last bit, 1 if one is not, 2 if there is none.
    """
    try:
        table = verify.verify(sample=sample, rng=np.random.default_rng())
    except ValueError as error:
        print(f"Nothing to verify: {error}")
        return 2
    if not table.empty:
        rows = [[str(value) for value in row] for row in table.itertuples(index=False)]
        print(terminal.verdict_table([list(table.columns), *rows], width=terminal.width()) + "\n")
    there = ", ".join(f"{number} {kind}" for kind, number in table.attrs.items())
    if table.empty:
        print(f"Nothing to verify: no result of the present code is stored ({there}).")
        return 2
    same = int(table["equal"].sum())
    print(
        f"{same} of {len(table)} results, drawn at random, come out the same to the last bit (stored: {there})."
    )
    return 0 if same == len(table) else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
