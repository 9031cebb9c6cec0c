"""Dates of HTTP."""

import email.utils
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from compysition._core import _http_date

LAST = 253402300799  # 9999-12-31 23:59:59


@given(st.integers(0, LAST))
@example(0)
@example(LAST)
@example(951782400)  # 29 February 2000
def test_as_email_writes_them(when):
    assert _http_date(when) == email.utils.formatdate(when, usegmt=True)


@pytest.mark.parametrize("when", [-1, LAST + 1, -(2**62), 2**62])
def test_out_of_range(when):
    with pytest.raises(ValueError, match="1970 to 9999"):
        _http_date(when)


def test_now():
    before = int(time.time())
    made = email.utils.parsedate_to_datetime(_http_date()).timestamp()
    assert before - 1 <= made <= time.time()
