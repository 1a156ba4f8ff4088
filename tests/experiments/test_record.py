"""Keeping a run."""

from __future__ import annotations

import json
import shutil

import pytest

from experiments.record import keep, main, run_facts

FACTS = {
    "commit": "abc",
    "device": "cpu",
    "processor": "one",
    "system": "Linux",
    "python": "3.11",
    "versions": {"torch": "2"},
}
HEADER = "s\th:m:s\tmax_rss\tcpu_time\n"


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    for path, content in {
        "config.yaml": "seed: 0\n",
        "tables/accuracy.csv": "network\n",
        "tables/accuracy.md": "| network |\n",
        "tables/accuracy.ipynb": "{}",
        "figures/contrast.png": "png",
        "figures/contrast.pdf": "pdf",
        "pages/text_words.html": "<p>",
        "data/fetched.json": json.dumps({"files": []}),
        "data/net/1-of-2.json": json.dumps({**FACTS, "date": "2026-02-01"}),
        "data/net/2-of-2.json": json.dumps({**FACTS, "date": "2026-01-01", "commit": "def"}),
        "data/net/masking.json": json.dumps({"shards": [{**FACTS, "date": "2025-12-31"}]}),
        "benchmarks/measure/net/1-of-2.tsv": HEADER + "2.5\t0:00:02\t100.0\t2.0\n",
        "benchmarks/measure/net/2-of-2.tsv": HEADER + "0.5\t0:00:00\t-\t-\n",
        "benchmarks/measure_toys.tsv": HEADER + "1.0\t0:00:01\t50.0\t0.5\n",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, encoding="utf-8")
    return folder


def test_facts_of_all_jobs(results):
    facts = run_facts(results)
    assert facts["commit"] == ["abc", "def"]  # a run that spans two says so
    assert facts["versions"] == [{"torch": "2"}]
    assert (facts["first"], facts["last"]) == ("2025-12-31", "2026-02-01")
    assert facts["results_mb"] == 0.0
    assert facts["rules"] == {
        "measure": {"jobs": 2, "seconds": 3.0, "max_rss_mb": 100.0},
        "measure_toys": {"jobs": 1, "seconds": 1.0, "max_rss_mb": 50.0},
    }


def test_another_run_within_the_results_is_not_part_of_them(results, tmp_path):
    alone = run_facts(results)
    shutil.copytree(results, tmp_path / "copy")
    facts = json.dumps({**FACTS, "commit": "other", "date": "2030-01-01"})
    (tmp_path / "copy/data/net/1-of-2.json").write_text(facts)
    shutil.move(tmp_path / "copy", results / "smoke")
    assert run_facts(results) == alone


def test_facts_of_several_runs(results, tmp_path):
    alone = run_facts(results)
    for seed in ("1", "2"):
        shutil.copytree(results, tmp_path / "seeds" / seed)
    together = run_facts(tmp_path / "seeds")
    assert together["rules"]["measure"] == {
        "jobs": 4,
        "seconds": 6.0,
        "max_rss_mb": 100.0,
    }
    assert together["rules"].keys() == alone["rules"].keys()
    assert together["commit"] == alone["commit"]


def test_tables_and_figures_are_kept(results, tmp_path):
    kept = tmp_path / "docs" / "run"
    for path in ("figures/old.png", "README.md"):
        (kept / path).parent.mkdir(parents=True, exist_ok=True)
        (kept / path).touch()
    files = keep(results, kept)
    names = {str(path.relative_to(kept)) for path in kept.rglob("*") if path.is_file()}
    assert names - {"README.md"} == {str(path.relative_to(kept)) for path in files}
    assert names == {
        "README.md",
        "config.yaml",
        "figures/contrast.png",
        "pages/text_words.html",
        "run.json",
        "tables/accuracy.csv",
        "tables/accuracy.md",
    }
    assert json.loads((kept / "run.json").read_text()) == run_facts(results)


def test_no_run_is_one_line(tmp_path):
    with pytest.raises(SystemExit, match="nothing: no results of a run there: run Snakemake first"):
        main([str(tmp_path / "nothing"), str(tmp_path / "kept")])
    assert not (tmp_path / "kept").exists()
