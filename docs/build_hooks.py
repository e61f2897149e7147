"""Hook of the documentation build: writes the tables of every config key into ``reference/configs.md``."""

import importlib
import inspect
import re
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

CONFIGS: Mapping[str, str] = {
    "physics_data build": "physics_data.pipeline.build_config:BuildConfig",
    "worldsim ingest": "worldsim.data.footage.ingest_config:IngestConfig",
    "worldsim train, task vae": "worldsim.config:VAETrainConfig",
    "worldsim train, task dit": "worldsim.config:DiTTrainConfig",
    "worldsim train, task family": "worldsim.training.family_config:FamilyTrainConfig",
    "worldsim train, task policy": "worldsim.rewards.policy_config:PolicyTrainConfig",
    "worldsim train, task plan": "worldsim.training.pieces:PlanConfig",
    "benchmarks ablation": "benchmarks.ablation.ablation_config:AblationConfig",
}
"""Command → the model of its config. Models inside of it follow on their own."""

MARKER = "<!-- config tables -->"


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Replace the marker of a page by the tables."""
    return markdown.replace(MARKER, config_tables()) if MARKER in markdown else markdown


def config_tables() -> str:
    """Return one Markdown section for each model of a config: key, type, default, meaning."""
    done: dict[type[BaseModel], str] = {}
    parts = []
    for command, target in CONFIGS.items():
        for model, path in models_below(load(target), ""):
            if model in done:
                continue
            done[model] = path
            title = f"`{path}`" if path else f"`{command}`"
            if path:
                title = f"{command}: {title}"
            parts.append(f"## {title}\n\n{_summary(model)}\n\n" + _table(model))
    return "\n\n".join(parts)


def load(target: str) -> type[BaseModel]:
    """Return the class of ``module:Class``."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def models_below(model: type[BaseModel], path: str) -> Iterator[tuple[type[BaseModel], str]]:
    """Yield a model and those of its fields, with the dotted path of each."""
    yield model, path
    for name, field in model.model_fields.items():
        for inner, suffix in _models_in(field.annotation):
            yield from models_below(inner, f"{path}.{name}{suffix}".lstrip("."))


def _models_in(annotation: Any) -> Iterator[tuple[type[BaseModel], str]]:
    if inspect.isclass(annotation) and not get_args(annotation) and issubclass(annotation, BaseModel):
        yield annotation, ""
        return
    origin = get_origin(annotation)
    suffix = ".NAME" if origin in (dict, Mapping) else "[]" if origin in (tuple, list) else ""
    for argument in get_args(annotation):
        for model, inner in _models_in(argument):
            yield model, suffix + inner


def _table(model: type[BaseModel]) -> str:
    meanings = meanings_of(model)
    lines = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        default = "needed" if field.is_required() else _default(field)
        meaning = re.sub(r"\bNone = ", "null = ", meanings.get(name, "").replace("``", "`"))
        cells = (f"`{name}`", f"`{type_name(field.annotation)}`", default, meaning)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def _default(field: Any) -> str:
    if field.default_factory_takes_validated_data:
        return "depends on other keys"
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "needed"
    if isinstance(value, BaseModel):
        return "see there"
    text = {None: "null", True: "true", False: "false"}.get(value) if isinstance(value, bool | None) else None
    if text is None:
        text = f"[{', '.join(map(str, value))}]" if isinstance(value, tuple | frozenset | set) else str(value)
    return f"`{text if len(text) <= 60 else text[:57] + '...'}`" if text else '`""`'


def type_name(annotation: Any) -> str:
    """Return a short name: ``int``, ``list of str``, ``a or b``, ``one of x, y``."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is type(None):
        return "null"
    if origin is Annotated:
        return type_name(arguments[0])
    if origin is Literal:
        return " or ".join(str(value) for value in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(type_name(argument) for argument in arguments))
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return _list_of(arguments[0])
        return f"[{', '.join(type_name(argument) for argument in arguments)}]"
    if origin in (list, set, frozenset):
        return _list_of(arguments[0])
    if origin in (dict, Mapping):
        return f"mapping to {type_name(arguments[1])}"
    return getattr(annotation, "__name__", str(annotation)).replace("Path", "path")


def _list_of(annotation: Any) -> str:
    name = type_name(annotation)
    return f"list of ({name})" if " or " in name else f"list of {name}"


def _summary(model: type[BaseModel]) -> str:
    lines = inspect.cleandoc(model.__doc__ or "").split("\n\n")[0]
    return " ".join(lines.split()).replace("``", "`")


_ENTRY = re.compile(r"^(?P<indent> *)(?P<names>[a-z_]\w*(?:, [a-z_]\w*)*): +(?P<text>\S.*)$")


def meanings_of(model: type[BaseModel]) -> dict[str, str]:
    """Return field → meaning, read from ``name:  meaning`` in the docstrings of a model and of its bases."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if not issubclass(base, BaseModel) or not base.__doc__:
            continue
        current: tuple[tuple[str, ...], int] | None = None
        for line in inspect.cleandoc(base.__doc__).splitlines():
            entry = _ENTRY.match(line)
            names = tuple(entry["names"].split(", ")) if entry else ()
            if entry and all(name in model.model_fields for name in names):
                current = (names, len(entry["indent"]))
                for name in names:
                    before = f"{found[name]}; " if name in found and entry["indent"] else ""
                    found[name] = before + entry["text"].strip()
            elif current and line.strip() and len(line) - len(line.lstrip()) > current[1]:
                for name in current[0]:
                    found[name] += " " + line.strip()
            else:
                current = None
        for name in model.model_fields:
            field = model.model_fields[name]
            if field.description:
                found[name] = field.description
    return found
