"""Plug-ins and measures that workers would not know, since only the process that starts a study has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sim.catalogue import LocalPlugin, find_local_plugins, list_local_plugins
from sim.errors import UserError
from sim.execution.sweep_file import Sweep
from sim.metrics.measures import RunMeasure, run_measures
from sim.scenario.changes import find_schemes
from sim.scenario.schema import Scenario
from sim.work import works

IDENTITY = ("run_id", "point", "replication", "seed", "status", "error", "trace_hash")


def check_columns(sweep: Sweep, measures: Iterable[RunMeasure]) -> None:
    """Raise UserError for a measure that is called like another column of the table of runs."""
    for measure in measures:
        if measure.name in (*IDENTITY, *sweep.axes):
            raise UserError(f'a measure called "{measure.name}": the table of runs has another column of that name')


def check_workers_know(study: str, variants: Iterable[object], measures: Iterable[RunMeasure] = ()) -> None:
    """Raise UserError, before a study starts, where workers would lack a plug-in of a variant or a measure.

    A variant is the text of a scenario as JSON, or anything else that holds plug-ins.
    """
    lacking = {local for measure in measures if (local := run_measures.describe_local(measure)) is not None}
    names = {local.name for local in list_local_plugins()}
    for variant in variants if names else ():
        if not isinstance(variant, str):
            lacking |= find_local_plugins(variant)
        # Reading a scenario again costs milliseconds: only one that mentions such a name is looked at.
        elif any(f'"{name}"' in variant for name in names):
            lacking |= find_local_plugins(_list_parts(Scenario.model_validate_json(variant)))
    if lacking:
        raise UserError(_tell(study, sorted(lacking)))


def _list_parts(scenario: Scenario) -> list[object]:
    """The scenario with the plug-ins that it only names: its kind of work and its proof schemes."""
    return [scenario, works.build(scenario.work.kind), *find_schemes(scenario.protocol)]


def _tell(study: str, lacking: Sequence[LocalPlugin]) -> str:
    told = ", ".join(f'the {local.kind} "{local.name}" ({local.origin})' for local in lacking)
    return (
        f"workers will not know {told}: registered in this process only.\n"
        f"Run the {study} in this process, with workers=0; or put the code into a package whose pyproject.toml says\n"
        f"{_write_entry_points(lacking)}\n"
        "and install it where the workers run (docs/plugins.md: In a package of your own)"
    )


def _write_entry_points(lacking: Sequence[LocalPlugin]) -> str:
    """Return the lines that name the plug-ins, group by group."""
    lines: dict[str, list[str]] = {}
    for local in lacking:
        module, _, name = local.origin.partition(":")
        place = "PACKAGE.MODULE" if module == "__main__" else module
        group = lines.setdefault(local.entry_point_group, [f'  [project.entry-points."{local.entry_point_group}"]'])
        group.append(f'  {local.name} = "{place}:{name.rpartition(".")[2]}"')
    return "\n".join(line for group in lines.values() for line in group)
