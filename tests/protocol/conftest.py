"""Second implementations stand beside the tests and are imported by plain names (`second_preserved`)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
