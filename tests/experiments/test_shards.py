"""Work in blocks and shards."""

from __future__ import annotations

import pytest

from experiments.shards import blocks_of, shard_of


@pytest.mark.parametrize("n_images", [1, 7, 8, 9, 23, 50])
@pytest.mark.parametrize("n_shards", [1, 2, 3, 5, 13])
def test_shards_cover_every_image_once_in_whole_blocks(n_images, n_shards):
    images = [3 * index for index in range(n_images)]
    whole = blocks_of(images, 4)
    assert [index for block in whole for index in block] == images
    assert {len(block) for block in whole[:-1]} <= {4} and 1 <= len(whole[-1]) <= 4
    shards = [shard_of(whole, f"{i}-of-{n_shards}") for i in range(1, n_shards + 1)]
    assert [block for shard in shards for block in shard] == whole
    sizes = {len(shard) for shard in shards}
    assert max(sizes) - min(sizes) <= 1
