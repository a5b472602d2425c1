"""What the test suite says of itself is true."""

import pytest
from conftest import SLOW, slow_files


@pytest.mark.parametrize("pattern", SLOW)
def test_every_file_that_is_said_to_be_slow_is_there(pattern):
    assert slow_files(pattern)
