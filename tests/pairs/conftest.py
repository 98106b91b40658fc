"""The modules beside the tests (`table`, `mixtures`, `observed`, `replay`, `laws`) are imported by plain names."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
