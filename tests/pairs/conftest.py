"""The modules beside the tests (`table`, `mixtures`, `observed`, `replay`, `standing`, `laws`) are plain imports."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
