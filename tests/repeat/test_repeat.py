"""The same configuration gives the same tables and nets, whatever the circumstances of the run."""

from __future__ import annotations

import json

from experiments.digests import digest_of
from tests.result_tables import assert_same, differences


def tensors(results):
    """Return the digest of every net, and of other tensors that are not of a shard, by path."""
    found = {
        str(path.relative_to(results)): digest_of(path)
        for path in sorted(results.rglob("*.safetensors"))
        if "-of-" not in path.name
    }
    # Three of images, two of digits, one of sequences.
    assert len(found) > 6, found
    return found


def facts_of(results):
    """Return the facts of the measurements of accuracy, one per shard and net."""
    paths = sorted(results.rglob("accuracy/*.json"))
    assert paths
    return {path: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def test_cores_shards_the_order_of_jobs_and_the_hash_seed_do_not_matter(results, root):
    reference, otherwise = results["reference"], results["otherwise"]
    assert all(path.name.endswith("-of-1.json") for path in facts_of(reference))
    assert all(path.name.endswith("-of-3.json") for path in facts_of(otherwise))
    assert_same(otherwise / "tables", reference / "tables", root)
    assert tensors(otherwise) == tensors(reference)


def test_another_number_of_threads_changes_last_bits(results, root):
    """Sums are split among the threads and rounded in another order: measured, not promised."""
    reference, two_threads = results["reference"], results["two threads"]
    assert {facts["threads"] for facts in facts_of(two_threads).values()} == {2}
    found = differences(two_threads / "tables", reference / "tables", root)
    path = root / "results/repeat/threads.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    found.to_csv(path, index=False)
    print(found[found["different"] > 0].to_string(index=False))
