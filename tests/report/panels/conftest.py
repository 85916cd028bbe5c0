"""What tests of panels share."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest

from qgmutils.report import figures


@pytest.fixture
def ax():
    figures.use_style()
    fig, ax = plt.subplots(figsize=(4, 4))
    yield ax
    plt.close(fig)
