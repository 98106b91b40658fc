"""The modules beside the tests (`table`, `mixtures`, `observed`, `replay`, `standing`, `laws`) are plain imports.

So are second implementations that stand beside the tests of `tests/protocol`.
"""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent / "protocol")]
