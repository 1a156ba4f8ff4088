"""What jobs import: Python starts anew for every one of them."""

from __future__ import annotations

import ast
import subprocess
import sys

# Jobs that run nets on images without training them, of which every run has dozens.
MEASURING = [
    "measure",
    "strip_biases",
    "masking/attribute",
    "masking/evaluate",
    "masking/merge",
    "attribution_maps/measure",
    "saturation/measure",
    "single_deletion/measure",
]
# A second and more of processor time: torchvision imports the compiler of torch.
LARGE = {"torchvision", "torch._dynamo", "lightning_fabric", "captum", "scipy.stats", "matplotlib"}


def test_a_job_that_measures_imports_neither_torchvision_nor_the_compiler(root):
    lines = [
        ast.unparse(node)
        for name in MEASURING
        for node in ast.parse((root / f"workflow/scripts/{name}.py").read_text()).body
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    program = "\n".join([*dict.fromkeys(lines), "import sys", "print(*sys.modules)"])
    finished = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    imported = set(finished.stdout.split())
    assert "torch" in imported
    assert not LARGE & imported
