"""Configuration files as text: what YAML would drop or read as something else."""

from __future__ import annotations

import pytest

from experiments.config_check import main
from experiments.config_source import ConfigFileError, check_config_file, read_config_file

MISTAKES = {
    "a section given twice": (
        "masking: {n_steps: 4}\nseed: 1\nmasking: {n_images: 7}\n",
        ", line 3: masking is given again, first in line 1; YAML keeps only the last",
    ),
    "a key given twice": (
        "masking:\n  n_steps: 4\n  n_steps: 5\n",
        ", line 3: masking.n_steps is given again, first in line 2",
    ),
    "a key of JSON given twice": ('{"seed": 1, "seed": 2}', ": 'seed' is given twice, and JSON"),
    "octal": ("threads: 010\n", ", line 1: threads is 010, which YAML reads as 8: write plain"),
    "sexagesimal": ("seed: 1:30\n", ", line 1: seed is 1:30, which YAML reads as 90: write"),
    "sexagesimal decimal": ("a: [1:30.5]\n", ", line 1: a.0 is 1:30.5, which YAML reads as 90.5"),
    "underscores": ("seed: 1_000\n", ", line 1: seed is 1_000, which YAML reads as 1000: write"),
    "binary": ("seed: 0b11\n", ", line 1: seed is 0b11, which YAML reads as 3: write plain digits"),
    "on": ("results: on\n", ", line 1: results is on, which YAML reads as true: write true or"),
    "no": ("a: {b: No}\n", ", line 1: a.b is No, which YAML reads as false: write true or false"),
    "a key that is a truth value": ("on: 3\n", ", line 1: the key on is on, which YAML reads as"),
    "a date": ("results: 2020-01-01\n", ", line 1: results is 2020-01-01, which YAML reads as a d"),
    "an object": ("a: !!python/name:os.system x\n", ", line 1: a has the tag"),
    "a set": ("a: !!set {b, c}\n", ", line 1: a has the tag tag:yaml.org,2002:set"),
    "a loop": ("a: &x [1, *x]\n", ", line 1: a.1 contains itself: write it out"),
    "nothing": ("", ": is empty, but must hold KEY: VALUE"),
    "a list": ("- 1\n", ": is a list, but must be a mapping of KEY: VALUE"),
    "a text": ("hello\n", ": is 'hello', but must be a mapping of KEY: VALUE"),
    "deep": ("a: " + "[" * 100 + "]" * 100, ", line 1: is nested more than 50 levels deep"),
    "very deep": ("a: " + "[" * 50000, ": is nested more than 50 levels deep"),
    "very deep JSON": ("[" * 100000, ": is nested more than 50 levels deep"),
    "a tab": ("a:\n\tb: 1\n", ", line 2: is not valid YAML (found character '\\t'"),
    "an open bracket": ("a: [1\n", ", line 2: is not valid YAML (expected"),
    "thousands of digits": ("a: " + "9" * 5000, ": has a number that cannot be read"),
    "a list as a key": ("? [1]\n: 2\n", ", line 1: a key of the content is no name"),
    "UTF-16": ("a: é\n".encode("utf-16"), ": is UTF-16, but must be UTF-8: save it as UTF-8"),
    "Latin-1": ("a: 1\nb: é\n".encode("latin-1"), ", line 2: has the byte 0xe9, which is not UTF"),
    "bytes": (bytes(range(256)), ", line 2: has the byte 0x80, which is not UTF-8"),
    "NUL": (b"a: \x00\n", ": is not valid YAML (unacceptable character #x0000"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_with_the_file(tmp_path, name):
    content, message = MISTAKES[name]
    path = tmp_path / "overlay.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigFileError) as raised:
        check_config_file(path)
    assert str(raised.value).startswith(f"{path}{message}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_what_is_no_file_is_named(tmp_path, name):
    with pytest.raises(ConfigFileError, match=r": (there is no such file in|cannot be read)"):
        check_config_file(tmp_path / name)


def test_what_everybody_reads_alike_is_read(tmp_path):
    path = tmp_path / "overlay.yaml"
    path.write_text(
        "\ufeffa: [0, -1, +2, 1.5, .5, 5., 1.0e-3, true, False, ~, 'on', '010']\n"
        "b: &b {c: 1}\nd: {<<: *b, e: 1e-3}\n"
    )
    assert read_config_file(path) == {
        "a": [0, -1, 2, 1.5, 0.5, 5.0, 0.001, True, False, None, "on", "010"],
        "b": {"c": 1},
        "d": {"c": 1, "e": "1e-3"},
    }


def test_aliases_of_aliases_are_looked_at_once(tmp_path):
    lines = ["a: &a0 [1, 1]"]
    lines += [f"k{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    path = tmp_path / "overlay.yaml"
    path.write_text("\n".join(lines))
    check_config_file(path)


def test_the_shipped_files_say_what_yaml_reads(root):
    for path in (root / "config.yaml", *(root / "config").glob("*.yaml")):
        check_config_file(path)


def test_a_configuration_is_checked_without_snakemake(tmp_path, root, capsys):
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("masking: {n_steps: 4, sigma: 1e-1}\n")
    bad.write_text("masking: {n_step: 4}\n")
    assert main([str(root / "config/smoke.yaml"), str(good)]) == 0
    assert capsys.readouterr().out == "The configuration is valid.\n"
    assert main([str(good), str(bad)]) == 1
    assert capsys.readouterr().err.startswith("config: unknown key 'masking.n_step'; did you mean")
    bad.write_bytes(b"\xff")
    assert main([str(bad)]) == 1
    assert capsys.readouterr().err.startswith(f"{bad}, line 1: has the byte 0xff")
