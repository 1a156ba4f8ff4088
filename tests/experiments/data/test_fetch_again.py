"""Files that are missing or wrong when they are read are looked for anew by the next run."""

from __future__ import annotations

import pytest

from experiments.data.archives import ArchiveError
from experiments.data.data_file import DigestError
from experiments.data.fetch_again import fetch_again
from experiments.data.folders import FolderError


@pytest.mark.parametrize("error", [DigestError, FileNotFoundError, ArchiveError, FolderError])
def test_the_sign_that_files_were_fetched_goes_with_them(tmp_path, error):
    sign = tmp_path / "fetched"
    sign.touch()
    with pytest.raises(error, match="mnist"), fetch_again(str(sign)):
        raise error("mnist")
    assert not sign.exists()
    with pytest.raises(error, match="mnist"), fetch_again(str(sign)):
        raise error("mnist")


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
def test_a_job_that_fails_for_another_reason_can_be_tried_again(tmp_path, error):
    sign = tmp_path / "fetched"
    sign.touch()
    with pytest.raises(error), fetch_again(sign):
        raise error
    assert sign.exists()


def test_what_was_not_fetched_has_no_sign(tmp_path):
    for nothing in (None, []):
        with pytest.raises(DigestError), fetch_again(nothing):
            raise DigestError
    sign = tmp_path / "fetched"
    sign.touch()
    with fetch_again(sign):
        pass
    assert sign.exists()
