"""Strict YAML configs: unknown keys are refused with the nearest known one, values can be overridden."""

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from physics_data.core.errors import ConfigError, WorldsimError, suggest
from physics_data.core.remote import read_whole
from physics_data.core.urls import is_remote


class StrictModel(BaseModel):
    """Base of every config and stored record: frozen, unknown keys refused, NaN and infinity refused.

    Attributes:
        renamed_keys: former name of a key → its present name, or what to write instead. The error about the former
            name then says so.
    """

    renamed_keys: ClassVar[Mapping[str, str]] = {}

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True)


M = TypeVar("M", bound=BaseModel)


_SOURCE = Path(__file__).parents[2]
SHIPPED_CONFIGS = next((f for f in (_SOURCE / "worldsim" / "configs", _SOURCE / "configs") if f.is_dir()), _SOURCE)
"""The folder of the configs that come with the project: below ``worldsim`` where it is installed."""


def find_config(path: Path) -> Path:
    """Return a config file: the path itself, else the shipped config of that name.

    ``data_tiny``, ``data_tiny.yaml`` and ``configs/data_tiny.yaml`` name the same shipped config, from any folder.

    Raises:
        ConfigError: neither is there; the message has the nearest name.
    """
    if path.is_file():
        return path
    name = path.name if path.suffix in (".yaml", ".yml") else f"{path.name}.yaml"
    if path.parent in (Path(), Path("configs")) and (SHIPPED_CONFIGS / name).is_file():
        return SHIPPED_CONFIGS / name
    folder = path.parent if path.parent.is_dir() and path.parent != Path() else SHIPPED_CONFIGS
    raise ConfigError(f"no config file {path}. In {folder}: {suggest(name, (p.name for p in folder.glob('*.yaml')))}")


MAX_YAML_NODES = 200_000
"""Values that a YAML text may hold once its aliases are written out; the largest config of the project has 400."""


class _PlainLoader(yaml.SafeLoader):
    """Safe YAML without dates: what looks like one stays text, as JSON and schemas have no dates."""


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_yaml(text: str, source: str) -> Any:
    """Return the plain data of a YAML text.

    Raises:
        ConfigError: it is not YAML, an alias contains itself, or aliases multiply to more than ``MAX_YAML_NODES``.
    """
    try:
        loader = _PlainLoader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            if _expanded_size(node, {}) > MAX_YAML_NODES:
                raise ConfigError(f"{source} holds more than {MAX_YAML_NODES} values once its aliases are written out.")
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except (yaml.YAMLError, RecursionError, ValueError, TypeError, OverflowError, AttributeError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ConfigError(f"{source} is not readable YAML: {reason}") from error


def _expanded_size(node: yaml.Node, known: dict[int, int | None]) -> int:
    """Return how many values a node stands for with its aliases written out."""
    if id(node) in known:
        size = known[id(node)]
        if size is None:
            raise ValueError("an alias contains itself")
        return size
    known[id(node)] = None
    parts: list[yaml.Node] = []
    if isinstance(node, yaml.SequenceNode):
        parts = node.value
    elif isinstance(node, yaml.MappingNode):
        parts = [part for pair in node.value for part in pair]
    size = 1 + sum(_expanded_size(part, known) for part in parts)
    known[id(node)] = size
    return size


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping that a YAML file holds; see ``parse_yaml``.

    Raises:
        ConfigError: the file cannot be read, or holds something else.
    """
    raw = parse_yaml(read_text(path), str(path))
    if not isinstance(raw, dict):
        raise ConfigError(f"{path} holds {type(raw).__name__}, but a config is a mapping of keys to values.")
    if strange := [key for key in raw if not isinstance(key, str)]:
        raise ConfigError(f"{path} has the key {strange[0]!r}, but keys are words; put it in quotes if it is one.")
    return raw


def read_json(path: Path) -> Any:
    """Return the plain data of a JSON file.

    Raises:
        ConfigError: the file cannot be read, or is not JSON.
    """
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not readable JSON: {error}") from error


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8.

    Raises:
        ConfigError: it cannot be read, or is not UTF-8.
    """
    try:
        return read_whole(path).decode("utf-8") if is_remote(path) else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read as text: {error}") from error


def load_config(schema: type[M], path: Path, overrides: Sequence[str] = ()) -> M:
    """Read a YAML file, or a shipped config by its name, apply ``a.b=value`` overrides, and validate it.

    Raises:
        ConfigError: the file is missing or not YAML, a key is unknown, or a value does not fit.
    """
    path = find_config(path)
    return validate_config(schema, apply_overrides(read_yaml(path), overrides), source=str(path))


def apply_overrides(raw: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Return a copy of ``raw`` with each ``a.b=value`` set; values are parsed as YAML."""
    result: dict[str, Any] = copy.deepcopy(dict(raw))
    for override in overrides:
        dotted, separator, text = override.partition("=")
        if not separator or not dotted:
            raise ConfigError(f"--set {override!r} has no '='; write --set section.key=value, e.g. --set seed=1.")
        *parents, leaf = dotted.split(".")
        node: Any = result
        for key in parents:
            node = _child(node, key, dotted)
        value = parse_yaml(text, f"the value of --set {override!r}")
        if isinstance(node, list):
            _child(node, leaf, dotted)
            node[int(leaf)] = value
        else:
            node[leaf] = value
    return result


def _child(node: Any, key: str, dotted: str) -> Any:
    if isinstance(node, list):
        if not key.isdigit() or int(key) >= len(node):
            raise ConfigError(f"--set {dotted}: '{key}' must be an index from 0 to {len(node) - 1}.")
        return node[int(key)]
    child = node.setdefault(key, {})
    if not isinstance(child, dict | list):
        raise ConfigError(f"--set {dotted}: '{key}' is the value {child!r}, it has no fields.")
    return child


def validate_config(
    schema: type[M], raw: Any, *, source: str, error_class: type[WorldsimError] = ConfigError, stored: bool = False
) -> M:
    """Validate plain data, with one readable line per mistake.

    ``stored`` is for records of earlier versions: former names of keys are read as the present ones.

    Raises:
        error_class: a key is unknown or missing, or a value does not fit.
    """
    try:
        return schema.model_validate(present_names(schema, raw) if stored else raw)
    except (RecursionError, OverflowError) as error:
        raise error_class(f"{source} does not fit: {error}") from error
    except ValidationError as error:
        lines = [explain_mistake(schema, dict(item)) for item in error.errors()]
        raise error_class(f"{source} does not fit:\n" + "\n".join(f"  {line}" for line in lines)) from error


def explain_mistake(schema: type[BaseModel], item: dict[str, Any]) -> str:
    """Return one line for one of pydantic's errors: where, what was given, and the nearest known key."""
    location = [str(part) for part in item["loc"]]
    dotted = ".".join(location) or "(top)"
    if item["type"] == "extra_forbidden":
        models = _models_at(schema, location[:-1])
        for model in models:
            if new := getattr(model, "renamed_keys", {}).get(location[-1]):
                return f"{dotted}: this key was renamed; write {new} instead of {location[-1]}."
        return f"{dotted}: no such key; {suggest(location[-1], {name for m in models for name in m.model_fields})}"
    if item["type"] == "missing":
        return f"{dotted}: this key is needed and is not there."
    message = str(item["msg"]).removeprefix("Value error, ").removesuffix(".")
    given = f"given {_short(item.get('input'))}; " if location else ""
    return f"{dotted}: {given}{message}."


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _models_at(schema: type[BaseModel], location: Sequence[str]) -> list[Any]:
    """Return the models that a (possibly nested, optional or union) location may hold."""
    models: list[Any] = [schema]
    for part in location:
        found = [field.annotation for m in models if (field := m.model_fields.get(part)) is not None]
        # A part that is no field is a list index, a mapping key or a union tag: stay on the same candidates.
        models = [model for annotation in found for model in _models_in(annotation)] or models
    return models


def present_names(schema: type[BaseModel], raw: Any) -> Any:
    """Return stored plain data with the former names of keys (``renamed_keys``) replaced by the present ones."""
    return _present_names([schema], raw)


def _present_names(models: list[Any], value: Any) -> Any:
    if isinstance(value, list):
        return [_present_names(models, item) for item in value]
    if not isinstance(value, dict):
        return value
    renamed = {old: new for m in models for old, new in getattr(m, "renamed_keys", {}).items() if new in m.model_fields}
    result: dict[Any, Any] = {}
    for key, item in value.items():
        name = renamed.get(key, key)
        fields = [field.annotation for m in models if (field := m.model_fields.get(name)) is not None]
        result[name] = _present_names([m for f in fields for m in _models_in(f)] or models, item)
    return result


def _models_in(annotation: Any) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_in(argument)]


def dump_yaml(model: BaseModel) -> str:
    """Return the config as YAML, every default written out."""
    return yaml.safe_dump(model.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def fingerprint(config: BaseModel | Mapping[str, Any]) -> str:
    """Return 16 hex digits that two configs, or their plain data, share exactly when all their values are equal.

    A renamed key enters under its ``serialization_alias``, its former name, so that the digits stay what they were.
    """
    plain = config.model_dump(mode="json", by_alias=True) if isinstance(config, BaseModel) else dict(config)
    canonical = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def differences(there: Any, now: Any, prefix: str = "") -> list[str]:
    """Return one line for each value that two nested records do not share."""
    if isinstance(there, dict) and isinstance(now, dict):
        keys = sorted(there.keys() | now.keys())
        return [line for k in keys for line in differences(there.get(k), now.get(k), f"{prefix}{k}.")]
    if isinstance(there, list) and isinstance(now, list) and len(there) == len(now):
        pairs = enumerate(zip(there, now, strict=True))
        return [line for k, (old, new) in pairs for line in differences(old, new, f"{prefix}{k}.")]
    return [] if there == now else [f"{prefix.rstrip('.')}: {there!r} → {now!r}"]
