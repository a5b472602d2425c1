"""A landing folder holds files and folders: a pipe would be read for ever."""

import os
import re

import pytest

from pipelines.errors import BadDataError
from pipelines.intake.regular_files import check_regular_files


@pytest.mark.parametrize("name", ["control_totals.csv", "receipts.csv", "receipts/part1.csv", "receipts/in/part1.csv"])
@pytest.mark.parametrize("kind", ["pipe", "link to nothing", "device"])
def test_what_is_no_file_is_refused_by_name(retailer, name, kind):
    path = retailer.deliver("2025-06-30", products="product_id").joinpath(name)
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero" if kind == "device" else "nowhere")
    with pytest.raises(BadDataError, match=f"{re.escape(str(path))}: this is neither a file nor a folder"):
        retailer.open("2025-06-30")


def test_files_folders_of_parts_and_links_to_them_are_good(retailer, tmp_path):
    folder = retailer.deliver("2025-06-30")
    (folder / "receipts.csv").rename(tmp_path / "elsewhere.csv")
    (tmp_path / "parts").mkdir()
    (folder / "receipts").symlink_to(tmp_path / "parts")
    (folder / "receipts" / "a.csv").symlink_to(tmp_path / "elsewhere.csv")
    check_regular_files(folder)
    check_regular_files(folder / "not there")
