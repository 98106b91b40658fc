import dataclasses

import pytest

from sim.errors import UserError
from sim.topologies.regions_data import RegionTable, load_region_table, region_table_names


def test_simblock_tables():
    assert region_table_names() == ("simblock-2015", "simblock-2019")
    table = load_region_table("simblock-2019")
    assert table.names == ("NORTH_AMERICA", "EUROPE", "SOUTH_AMERICA", "ASIA_PACIFIC", "JAPAN", "AUSTRALIA")
    assert table.latency("EUROPE", "JAPAN") == table.latency("JAPAN", "EUROPE") == 0.252
    assert table.upload("EUROPE") == 20_700_000.0
    assert table.download("NORTH_AMERICA") == 52_000_000.0
    assert "Apache-2.0" in table.source
    assert load_region_table("simblock-2015").latency("EUROPE", "EUROPE") == 0.012


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(UserError, match=r'unknown region table "simblock-2018"\. Did you mean "simblock-2019"\?'):
        load_region_table("simblock-2018")
    with pytest.raises(UserError, match=r'unknown region "EUROP"\. Did you mean "EUROPE"\?'):
        load_region_table("simblock-2019").latency("EUROP", "JAPAN")


GOOD = RegionTable(("A", "B"), ((0.1, 0.2), (0.2, 0.1)), (1.0, 2.0), (3.0, 4.0), (0.25, 0.75), "a test")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"latency_seconds": ((0.1, 0.2),)}, "one entry for each of the 2"),
        ({"upload_bits_per_second": (1.0,)}, "one entry for each of the 2"),
        ({"names": ("A", "A")}, "one entry for each of the 2 different regions"),
        ({"latency_seconds": ((0.1, 0.2), (0.3, 0.1))}, "symmetric"),
        ({"latency_seconds": ((0.1, -0.2), (-0.2, 0.1))}, "positive"),
        ({"download_bits_per_second": (1.0, float("inf"))}, "finite"),
        ({"shares": (0.5, 0.6)}, "sum to 1"),
    ],
)
def test_tables_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(GOOD, **changes)
