"""Where public test data is."""

import os
import pathlib

CORPORA = pathlib.Path(
    os.environ.get("CORPORA", pathlib.Path(__file__).parents[2] / "shared" / "corpora")
)
