"""Folders that a configuration names."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.config import ConfigError, check_config
from experiments.folder_names import check_mirror
from experiments.settings import Refusal


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (".", "is '.', which is the checkout, whose files would be overwritten: name a folder of"),
        ("results/..", "is 'results/..', which is the checkout"),
        ("..", "is '..', which holds the checkout"),
        ("/", "is '/', which holds the checkout"),
        ("~", "is '~', which is your home folder"),
        ("$HOME/", "is '$HOME/', which is your home folder"),
        ("$NO_SUCH_VARIABLE/x", "is '$NO_SUCH_VARIABLE/x', but there is no such variable: set it"),
        ("~no_such_user/x", "is '~no_such_user/x', but there is no such user: write the folder"),
        ("-x", "is '-x', but '-x' begins with a dash, as options do: rename it"),
        ("a/-b", "is 'a/-b', but '-b' begins with a dash"),
        ("a{b}", "is 'a{b}', but { cannot be part of it: name a plain folder"),
        ("a*", "but * cannot be part of it"),
        ("<script>", "but < cannot be part of it"),
        ('a"b', 'but " cannot be part of it'),
        ("a'b", "but ' cannot be part of it"),
        ("a\0b", "which has a control character: name a plain folder"),
        ("a\nb", "which has a control character: name a plain folder"),
        ("a" * 201, "but has a name of 201 bytes: file systems take little more than 200"),
        ("é" * 150, "but has a name of 300 bytes"),
        ("README.md", "is 'README.md', but README.md is a file: name a folder"),
        ("README.md/x", "is 'README.md/x', but README.md is a file: name a folder"),
        ("config", "is 'config', but config is a folder of this project: name a folder of its own"),
        ("workflow/x", "is 'workflow/x', but workflow is a folder of this project"),
        (".github", "is '.github', but .github is a folder of this project"),
        ("", "is '', but must be the path of a folder"),
        (" x", "is ' x', but must be the path of a folder"),
        (3, "is 3, but must be a text that is not empty"),
    ],
)
@pytest.mark.parametrize("key", ["results", "data"])
def test_a_folder_that_would_lose_files_is_refused(root, monkeypatch, key, path, message):
    monkeypatch.chdir(root)
    with pytest.raises(ConfigError) as raised:
        check_config({key: path})
    assert str(raised.value).startswith(f"config: {key} is ")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_images_may_be_anywhere_that_can_be_named(tmp_path):
    file = tmp_path / "file"
    file.touch()
    assert check_config({"folders": {"imagenet": "/"}}).folders == {"imagenet": "/"}
    for path, message in (("{x}", "but { cannot"), (str(file), "is a file: name a folder")):
        with pytest.raises(ConfigError) as raised:
            check_config({"folders": {"imagenet": path}})
        assert str(raised.value).startswith("config: folders.imagenet is ")
        assert message in str(raised.value)


def test_home_and_variables_are_filled_in(monkeypatch, tmp_path):
    monkeypatch.setenv("SCRATCH", str(tmp_path))
    given = {"results": "~/a//b/", "data": "$SCRATCH/data", "folders": {"imagenet": "${SCRATCH}"}}
    config = check_config(given)
    assert config.results == str(Path.home() / "a/b")
    assert config.data == str(tmp_path / "data")
    assert config.folders == {"imagenet": str(tmp_path)}


def test_results_are_not_among_the_downloads():
    for given in ({"results": "data/x"}, {"results": "data"}, {"data": "x/", "results": "x"}):
        with pytest.raises(ConfigError, match=r"config: results is .* folder of the downloads"):
            check_config(given)
    assert check_config({"data": "results/data"}).data == "results/data"


def test_a_mirror_is_a_folder(tmp_path):
    for nothing in (None, "", str(tmp_path)):
        check_mirror(nothing)
    (tmp_path / "file").touch()
    for wrong in (str(tmp_path / "file"), str(tmp_path / "missing"), "x" * 5000, "a\0b"):
        with pytest.raises(Refusal, match=r"^XGRADIENT_MIRROR is '.*, but there is no such folder"):
            check_mirror(wrong)
