"""Folders of diffusers pipelines: what is in them, loaded one component at a time, without a network."""

import importlib
import inspect
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from physics_data.core.config import read_json
from physics_data.core.errors import CheckpointError, ConfigError, UnknownNameError
from worldsim.generator import FAMILIES

INDEX_NAME = "model_index.json"


@dataclass(frozen=True)
class PipelineFolder:
    """A folder as ``DiffusionPipeline.save_pretrained`` writes it.

    path:        the folder
    pipeline:    class of the pipeline
    components:  name → (library, class); those that the pipeline goes without are not listed
    settings:    further values of the pipeline, e.g. ``expand_timesteps``
    """

    path: Path
    pipeline: str
    components: dict[str, tuple[str, str]]
    settings: dict[str, Any]

    @classmethod
    def open(cls, path: Path) -> "PipelineFolder":
        """Read ``model_index.json``.

        Raises:
            CheckpointError: it is missing or damaged, or names a pipeline that no family here speaks for.
        """
        index = path / INDEX_NAME
        try:
            record = json.loads(index.read_text(encoding="utf-8"))
            pipeline = str(record["_class_name"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise CheckpointError(f"{index} is missing or damaged ({error}); give a diffusers folder.") from error
        components, settings = {}, {}
        for name, value in record.items():
            if isinstance(value, list) and len(value) == 2 and all(isinstance(one, str) for one in value):
                components[name] = (value[0], value[1])
            elif not name.startswith("_") and not isinstance(value, list):
                settings[name] = value
        try:
            FAMILIES.check(pipeline)
        except UnknownNameError as error:
            raise CheckpointError(f"{path} holds a '{pipeline}', which no family here speaks for: {error}") from error
        return cls(path, pipeline, components, settings)

    def config(self, name: str) -> dict[str, Any]:
        """Return the config of a component.

        Raises:
            CheckpointError: it is missing or damaged.
        """
        self.require(name)
        for file in ("config.json", "scheduler_config.json"):
            if (self.path / name / file).is_file():
                try:
                    record = read_json(self.path / name / file)
                except ConfigError as error:
                    raise CheckpointError(f"{error}; the folder is damaged, fetch it again.") from error
                if not isinstance(record, dict):
                    raise CheckpointError(f"{self.path / name / file} holds no settings; fetch the folder again.")
                return record
        raise CheckpointError(f"{self.path / name} has no config.json; the folder is damaged, fetch it again.")

    def require(self, *names: str) -> None:
        """Check that components are there.

        Raises:
            CheckpointError: one is not.
        """
        for name in names:
            if name not in self.components or not (self.path / name).is_dir():
                raise CheckpointError(
                    f"{self.path} has no '{name}', which {self.pipeline} needs; fetch the whole folder again."
                )

    def class_of(self, name: str) -> Any:
        """Return the class of a component.

        Raises:
            CheckpointError: the installed library does not have it.
            ConfigError: the library is not installed.
        """
        library, class_name = self.components[name]
        module = _library(library if library == "transformers" else "diffusers")
        found = getattr(module, class_name, None)
        if found is None:
            raise CheckpointError(
                f"{self.path / name} needs {library}.{class_name}, which the installed {library} does not have; "
                "install the versions of constraints.txt: pip install -c constraints.txt 'worldsim[models]'."
            )
        return found

    @property
    def pipeline_class(self) -> Any:
        """The class of the pipeline."""
        return getattr(diffusers_module(), self.pipeline)

    def load(self, name: str, dtype: torch.dtype | None = None) -> Any:
        """Load a component: a network in evaluation mode without gradients, a tokenizer, or a scheduler.

        Raises:
            CheckpointError: it is missing or damaged.
        """
        self.require(name)
        options: dict[str, Any] = {"local_files_only": True}
        library = self.components[name][0]
        if dtype is not None:
            options["dtype" if library == "transformers" else "torch_dtype"] = dtype
        made: Any = self.class_of(name)
        if not hasattr(made, "from_pretrained"):
            raise CheckpointError(f"{self.path} names {library}.{self.components[name][1]} as '{name}', no component.")
        missing: list[str] = []
        try:
            if torch.nn.Module in getattr(made, "__mro__", ()):
                loaded, found = made.from_pretrained(self.path / name, output_loading_info=True, **options)
                missing = _without_weights(loaded, found["missing_keys"])
            else:
                loaded = made.from_pretrained(self.path / name, **options)
        except Exception as error:  # the libraries raise errors of any class
            first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise CheckpointError(
                f"{self.path / name} cannot be read ({first}); it is damaged or incomplete, fetch the folder again."
            ) from error
        if missing:
            raise CheckpointError(
                f"{self.path / name} has no weights for {len(missing)} tensors ({missing[0]}, ...); it is incomplete "
                f"or of another model than {self.components[name][1]}, fetch the folder again."
            )
        wrong = _wrong_setting(loaded)
        if wrong is not None:
            raise CheckpointError(f"{self.path / name}: {wrong}; its settings are damaged, fetch the folder again.")
        if getattr(loaded, "pad_token", "") is None:
            raise CheckpointError(f"{self.path / name} has no padding token; it is incomplete, fetch the folder again.")
        return loaded.eval().requires_grad_(False) if isinstance(loaded, torch.nn.Module) else loaded

    def on_meta(self, name: str) -> torch.nn.Module:
        """Return a component without memory, built from its config alone: on the meta device."""
        made, config = self.class_of(name), self.config(name)
        with torch.device("meta"):
            if hasattr(made, "from_config"):
                return made.from_config(config).eval()
            return made(made.config_class(**config)).eval()


def _without_weights(network: torch.nn.Module, missing: Iterable[str]) -> list[str]:
    """Return the parameters that no file filled: on the meta device, or missing and not tied to one that was read."""
    absent = set(missing)
    parameters = dict(network.named_parameters(remove_duplicate=False))
    read = {id(value) for name, value in parameters.items() if name not in absent}
    return [name for name, value in parameters.items() if value.is_meta or (name in absent and id(value) not in read)]


def _wrong_setting(component: Any) -> str | None:
    """Return the first setting of a component that is of another type than its class declares, or None.

    The libraries read many settings while sampling only, where a text in place of a number ends in a TypeError.
    """
    longest = getattr(component, "model_max_length", 0)
    if not isinstance(longest, int | float):
        return f"model_max_length is {longest!r}, needed is a number"
    config: Any = getattr(component, "config", None)
    if isinstance(config, Mapping):  # diffusers: settings are the arguments of the class
        given = dict(config)
        defaults = {p.name: p.default for p in inspect.signature(type(component).__init__).parameters.values()}
    elif hasattr(config, "to_dict"):  # transformers
        given, defaults = config.to_dict(), type(config)().to_dict()
    else:
        return None
    for name, default in defaults.items():
        value = given.get(name, default)
        if isinstance(default, bool):
            fits, kind = isinstance(value, bool), "true or false"
        elif isinstance(default, int | float):
            fits, kind = isinstance(value, int | float) and not isinstance(value, bool), "a number"
        else:
            continue
        if not fits and not (value is None and hasattr(config, "to_dict")):  # transformers stores null for defaults
            return f"{name} is {value!r}, needed is {kind}"
    return None


def diffusers_module() -> Any:
    """Import diffusers.

    Raises:
        ConfigError: it is not installed.
    """
    return _library("diffusers")


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(
            f"public video models need {name} ({error}); install it: pip install -c constraints.txt 'worldsim[models]'."
        ) from error
