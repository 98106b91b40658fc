"""Plug-ins with parameters: one file with `@controllers.register("name")` over a frozen dataclass.

A registry builds a plug-in from a scenario's spec (`proportional`, or `{kind: proportional, max_step: 2.0}`) and
refuses keys that are no fields: a plain dataclass behind pydantic would drop an unknown key in silence.
"""

from __future__ import annotations

import dataclasses
import inspect
import threading
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ConfigDict, GetCoreSchemaHandler, TypeAdapter, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticSerializationError, core_schema, to_json
from typing_extensions import TypeVar

from sim.catalogue import Catalogue, PluginError
from sim.errors import did_you_mean
from sim.problems import Problem, as_validation_error, problems_of, show_value

T = TypeVar("T", default=Any)
C = TypeVar("C", bound=type)

KIND = "kind"  # the key of a spec that names the plug-in
DEEPEST = 1  # plug-ins of one kind inside another whose parameters a schema still lists
_WRITING = threading.RLock()  # schemas of plug-ins inside plug-ins count how deep they are
_STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class Registry(Catalogue[type[T]]):
    """Plug-ins that are frozen dataclasses, built from specs; T is the protocol that they follow."""

    def __init__(self, kind: str, entry_point_group: str, package: str | None = None) -> None:
        """Open the catalogue of a group of entry points; `package` holds powsim's own plug-ins."""
        super().__init__(kind, entry_point_group, package)
        self._adapters: dict[str, TypeAdapter[Any]] = {}
        self._depth = 0  # of the schema that is being written: a plug-in may hold another one of its kind

    def register(self, name: str) -> Callable[[C], C]:
        """Return the decorator that puts a frozen dataclass into the registry under that name."""

        def add(plugin: C) -> C:
            self._check_registrable(name, plugin)
            self._add(name, plugin)
            self._adapters.pop(name, None)
            return plugin

        return add

    def name_of(self, plugin: object) -> str:
        """Return the name under which the object's class is registered."""
        self._load()
        for name, registered in self._plugins.items():
            if registered is type(plugin):
                return name
        raise PluginError(self.kind, [Problem((), f"{type(plugin).__name__} is not registered as a {self.kind}")])

    def build(self, spec: object) -> T:
        """Return the plug-in of a spec (name, mapping with `kind`, or plug-in); raise PluginError with all problems."""
        if not isinstance(spec, (str, Mapping)) and dataclasses.is_dataclass(spec):
            spec = self.spec_of(spec)  # an object made in Python obeys the same bounds as a file
        name, parameters = self._split(spec)
        adapter = self._adapter(name)
        try:
            # A YAML tree is JSON. In pydantic's strict JSON mode a list may fill a tuple and a mapping a dataclass,
            # but no text or bool ever becomes a number.
            built: T = adapter.validate_json(to_json(parameters, inf_nan_mode="constants"))
        except ValidationError as error:
            raise PluginError(self.kind, problems_of(error, adapter.json_schema())) from error
        except PydanticSerializationError as error:
            raise PluginError(self.kind, [Problem((), f"no YAML can hold these parameters: {error}")]) from error
        return built

    def spec_of(self, plugin: object) -> dict[str, Any]:
        """Return {kind: name, **all parameters}, ready for YAML: `build` makes an equal object of it."""
        name = self.name_of(plugin)
        return {KIND: name, **self._adapter(name).dump_python(plugin, mode="json")}

    def describe(self) -> dict[str, str]:
        """Return each name with the first line of its docstring."""
        return {name: (inspect.getdoc(self._plugins[name]) or "").partition("\n")[0] for name in self.names()}

    def json_schema(self) -> JsonSchemaValue:
        """Return the JSON Schema of a spec: a bare name, or one object per plug-in with all its parameters.

        A plug-in inside one inside another of the same kind has its name only: a schema ends, nesting need not.
        """
        with _WRITING:
            return self._write_schema()

    def _write_schema(self) -> JsonSchemaValue:
        if self._depth > DEEPEST:
            kind = {"enum": list(self.names()), "description": f"a {self.kind} by its name"}
            return {"anyOf": [kind, {"type": "object", "properties": {KIND: kind}, "required": [KIND]}]}
        self._depth += 1
        try:
            schemas = [self._plugin_schema(name) for name in self.names()]
        finally:
            self._depth -= 1
        bare = [name for name, schema in zip(self.names(), schemas, strict=True) if schema["required"] == [KIND]]
        by_name = [{"enum": bare, "description": f"a {self.kind} by its name"}] if bare else []
        return {"anyOf": [*by_name, *schemas]}

    def _plugin_schema(self, name: str) -> JsonSchemaValue:
        # mode: a default is shown as it would be written ("5.6 s"), not as it is held (5.6).
        schema = self._adapter(name).json_schema(mode="serialization")
        schema = _inline(schema, schema.pop("$defs", {}))
        properties = {KIND: {"const": name, "description": self.describe()[name]}, **schema.get("properties", {})}
        return {**schema, "properties": properties, "required": [KIND, *schema.get("required", [])]}

    def _check_registrable(self, name: str, plugin: type) -> None:
        """Raise for mistakes of a plug-in's author (a TypeError or ValueError: no user can mend it)."""
        if not dataclasses.is_dataclass(plugin) or not plugin.__dataclass_params__.frozen:  # type: ignore[attr-defined]
            raise TypeError(f'{self.kind} "{name}": {plugin!r} must be a frozen dataclass (register above dataclass)')
        if any(field.name == KIND for field in dataclasses.fields(plugin)):
            raise TypeError(f'{self.kind} "{name}": a field must not be called "{KIND}", which names the plug-in')

    def _split(self, spec: object) -> tuple[str, dict[str, Any]]:
        if isinstance(spec, str):
            self.get(spec)
            return spec, {}
        if not isinstance(spec, Mapping):
            what = f"must be the name of a {self.kind}, or a mapping with the key {KIND}, not {show_value(spec)}"
            raise PluginError(self.kind, [Problem((), what)])
        name = spec.get(KIND)
        if not isinstance(name, str):
            what = (
                f"must be the name of a {self.kind}, not {show_value(name)}."
                if KIND in spec
                else f"is missing; it names the {self.kind}."
            )
            listing = did_you_mean("", self.names())
            raise PluginError(self.kind, [Problem((KIND,), f"{what}{listing}")])
        try:
            self.get(name)
        except PluginError as error:
            raise PluginError(self.kind, [problem.below(KIND) for problem in error.problems]) from None
        return name, {key: value for key, value in spec.items() if key != KIND}

    def _adapter(self, name: str) -> TypeAdapter[Any]:
        if name not in self._adapters:
            plugin = self._plugins[name]
            if not hasattr(plugin, "__pydantic_config__"):
                plugin.__pydantic_config__ = _STRICT  # type: ignore[attr-defined]
            self._adapters[name] = TypeAdapter(plugin)
        return self._adapters[name]

    def _add_loaded(self, name: str, loaded: Any) -> str:
        if not isinstance(loaded, type) or loaded in self._plugins.values():
            return next((known for known, plugin in self._plugins.items() if plugin is loaded), name)
        self.register(name)(loaded)
        return name


class PluginOf:
    """Annotation of a pydantic field that holds a plug-in: `Annotated[Controller, PluginOf(controllers)]`."""

    def __init__(self, registry: Registry[Any]) -> None:
        self._registry = registry

    def __get_pydantic_core_schema__(self, _source: object, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Build from a spec; write a spec."""
        return core_schema.no_info_plain_validator_function(
            self._build,
            serialization=core_schema.plain_serializer_function_ser_schema(self._registry.spec_of),
        )

    def __get_pydantic_json_schema__(self, _schema: object, _handler: object) -> JsonSchemaValue:
        """Return the union over all plug-ins."""
        return self._registry.json_schema()

    def _build(self, spec: object) -> object:
        try:
            return self._registry.build(spec)
        except PluginError as error:
            raise as_validation_error(self._registry.kind, error.problems, spec) from error


def _inline(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """Return the schema with each $ref replaced by its definition: it must stand alone inside another schema."""
    if isinstance(schema, list):
        return [_inline(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**definitions[schema["$ref"].rsplit("/", 1)[-1]], **rest}
    return {key: _inline(value, definitions) for key, value in schema.items()}
