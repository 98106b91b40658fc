"""The answers that files in scenarios/questions give hold: sign and size of each effect, in smaller runs."""

from collections.abc import Mapping
from pathlib import Path

import sim
from sim.results import Result
from sim.scenario.load import parse_scenario
from sim.documents.source import read_source
