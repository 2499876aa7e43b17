"""In a notebook the explorer shows itself, answers while the kernel lives, and ends with it."""

import re
import urllib.error
import urllib.request

import nbformat
import pytest
from nbclient import NotebookClient

CELLS = (
    """
import numpy as np
import zpoints as zp
a = zp.analyse(np.random.default_rng(0).normal(size=(400, 3)))
a.explore()
""",
    """
import urllib.request
address = Out[1].url
page = urllib.request.urlopen(address)
print(page.status, len(page.read()) > 1000, page.headers["content-security-policy"] is not None)
""",
)


def test_it_shows_itself_and_ends_with_the_kernel() -> None:
    cells = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS])
    NotebookClient(cells, timeout=120).execute()
    first, second = cells.cells
    (shown,) = [output.data["text/html"] for output in first.outputs if "data" in output]
    address = re.search(r'<iframe src="(http://127\.0\.0\.1:\d+/[\w-]+/)"', shown)
    assert address, shown
    assert second.outputs[0].text.split() == ["200", "True", "True"]
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(address[1], timeout=5)
