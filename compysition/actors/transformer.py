"""The actor Transformer of releases up to 1.1."""

import os
from typing import Any

from compysition._core import XSLT

__all__ = ["Transformer"]


class Transformer(XSLT):
    """XSLT, with the stylesheet as text or as a file.

    xslt: str or bytes, the stylesheet. xslt_path: file with the stylesheet; used when xslt is None.
    add_to_header, subjects and key never had an effect. Raises TypeError when neither is given.
    """

    def __init__(
        self,
        name: str,
        xslt: str | bytes | os.PathLike[str] | None = None,
        xslt_path: str | os.PathLike[str] | None = None,
        add_to_header: bool = False,
        *subjects: Any,
        key: str | None = None,
        **kwargs: Any,
    ) -> None:
        if xslt is None and xslt_path is not None:
            with open(xslt_path, "rb"):  # a name is never taken for the text of a stylesheet
                xslt = os.fspath(xslt_path)
        super().__init__(name, xslt, **kwargs)
