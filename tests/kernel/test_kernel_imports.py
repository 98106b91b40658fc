import subprocess
import sys

import pytest

WITHOUT_TORCH = [
    "",
    ".params",
    ".seeds",
    ".inputs",
    ".sphere",
    ".answers",
    ".proofs",
    ".validation",
    ".devices",
    ".placement",
]


@pytest.mark.parametrize("modules", [[""], WITHOUT_TORCH], ids=["package", "all that need no torch"])
def test_torch_stays_unloaded(modules: list[str]) -> None:
    script = "\n".join(["import sys", *(f"import pow{name}" for name in modules), "print('torch' in sys.modules)"])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
