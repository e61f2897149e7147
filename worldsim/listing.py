"""What can be named: the members of every table of interchangeable parts, with one line each."""

import importlib

from physics_data.core.errors import Registry, UnknownNameError, suggest

FAMILIES = {
    "scenarios": "physics_data.scenarios:SCENARIOS",
    "engines": "physics_data.engines:ENGINES",
    "renderers": "physics_data.renderers:RENDERERS",
    "editors": "physics_data.editors:EDITORS",
    "tasks": "worldsim.training.tasks:TASKS",
    "pipelines": "worldsim.generator:FAMILIES",
    "losses": "worldsim.losses:LOSSES",
    "auxiliary_losses": "worldsim.losses.auxiliary:AUXILIARY",
    "solvers": "worldsim.diffusion:SOLVERS",
    "annotators": "worldsim.data.annotations:ANNOTATORS",
    "metrics": "eval.metrics:METRICS",
    "public_measures": "eval.public:PUBLIC_MEASURES",
    "suites": "benchmarks.suites:SUITES",
    "baselines": "benchmarks.baselines:BASELINES",
}
"""Family → "module:table"."""


def list_members(family: str) -> dict[str, str]:
    """Return name → one line for each member of a family.

    Raises:
        UnknownNameError: no such family.
    """
    if family not in FAMILIES:
        raise UnknownNameError(f"unknown family '{family}': {suggest(family, FAMILIES)}")
    module, _, table = FAMILIES[family].partition(":")
    registry: Registry[object] = getattr(importlib.import_module(module), table)
    return registry.summaries()


def list_scenarios() -> dict[str, str]:
    """Return name → what happens, for each scenario that ``simulate`` and dataset configs take."""
    return list_members("scenarios")


def list_engines() -> dict[str, str]:
    """Return name → one line for each physics engine."""
    return list_members("engines")


def list_renderers() -> dict[str, str]:
    """Return name → one line for each renderer."""
    return list_members("renderers")


def list_editors() -> dict[str, str]:
    """Return name → one line for each editor that makes possible/impossible pairs."""
    return list_members("editors")


def list_losses() -> dict[str, str]:
    """Return name → one line for each loss that a training config takes, auxiliary losses included."""
    return {**list_members("losses"), **list_members("auxiliary_losses")}


def list_metrics() -> dict[str, str]:
    """Return name → one line for each metric of ``eval``, public measures included."""
    return {**list_members("metrics"), **list_members("public_measures")}


def list_suites() -> dict[str, str]:
    """Return name → one line for each benchmark suite."""
    return list_members("suites")


def list_models() -> list[str]:
    """Return the names of the models that come with the package, e.g. "builtin:world"."""
    from worldsim.weights import builtin_models

    return [f"builtin:{name}" for name in builtin_models()]
