"""Counts, weights, votes and rewards of every shipped scenario, and what changed since a table made before.

    python docs/compare_results.py write before.json [SCENARIO...]     # in the old tree
    python docs/compare_results.py against before.json [SCENARIO...]   # in the new one; exit status 4 if rows differ

Each row is an epoch of a scenario. `weights`, `votes` and `rewards` are digests over all participants, so that any
single change shows. Scenarios that take minutes are left out unless they are named.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import sim

SCENARIOS = Path(__file__).parent.parent / "scenarios"
MINUTES = {"ten-thousand-hosts"}
DIFFERENT = 4
VOTES = ["valid_vote_weight", "invalid_vote_weight", "is_accepted"]


def digest(frame: Any, columns: list[str]) -> str:
    """Return a short hash of these columns, by participant."""
    rows = frame.sort_values("participant")[["participant", *columns]]
    return hashlib.sha256(rows.to_csv(index=False).encode()).hexdigest()[:8]


def tabulate(path: Path) -> dict[str, dict[str, Any]]:
    """Return one row an epoch of a scenario."""
    result, rows = sim.run(path), {}
    for epoch, judged in result.participants.groupby("epoch"):
        rewards = result.rewards[result.rewards["epoch"] == epoch]
        rows[f"{path.stem} {epoch}"] = {
            "claimed": int(judged["claimed_nonces"].sum()),
            "counted": int(judged["counted_nonces"].sum()),
            "accepted": int(judged["is_accepted"].sum()),
            "weight": int(judged["weight"].sum()),
            "weights": digest(judged, ["weight", "uncapped_weight"]),
            "votes": digest(judged, VOTES),
            "rewards": digest(rewards, ["reward_ngonka", "fees_ngonka"]) if len(rewards) else "",
        }
    return rows


def collect(names: list[str]) -> dict[str, dict[str, Any]]:
    """Return the rows of the scenarios named, or of all that are quick."""
    rows: dict[str, dict[str, Any]] = {}
    for path in sorted(SCENARIOS.glob("*.yaml")):
        if path.stem in names or (not names and path.stem not in MINUTES):
            rows |= tabulate(path)
            print(path.stem, "done", file=sys.stderr, flush=True)
    return rows


def compare(before: dict[str, dict[str, Any]], now: dict[str, dict[str, Any]]) -> int:
    """Print every value that differs; return how many rows do."""
    keys = [key for key in before if key.split()[0] in {name.split()[0] for name in now}]
    differing = [key for key in dict.fromkeys([*keys, *now]) if before.get(key) != now.get(key)]
    for key in differing:
        old, new = before.get(key, {}), now.get(key, {})
        changed = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        print(f"{key}:", ", ".join(f"{name} {old.get(name)} -> {new.get(name)}" for name in changed))
    print(f"{len(now)} epochs of {len({key.split()[0] for key in now})} scenarios, {len(differing)} differ")
    return len(differing)


def main() -> int:
    """Read the command line."""
    match sys.argv[1:]:
        case ["write", file, *names]:
            Path(file).write_text(json.dumps(collect(names), indent=1) + "\n", encoding="utf-8")
            return 0
        case ["against", file, *names]:
            before = json.loads(Path(file).read_text(encoding="utf-8"))
            return DIFFERENT if compare(before, collect(names)) else 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
