"""The import-linter contracts of beth_sdk, with its unit tests left out: they lie beside what they test."""

from __future__ import annotations

from typing import cast

from grimp import ImportGraph
from importlinter.contracts.acyclic_siblings import AcyclicSiblingsContract
from importlinter.contracts.layers import Layer, LayersContract
from importlinter.domain.contract import ContractCheck, InvalidContractOptions


class FloorsContract(LayersContract):
    """Layers, highest first, that leave no module out: each is named, or is inside a package that is.

    The root package stands above all floors. Any other package whose parts are on several floors must be empty itself.
    """

    type_name = "floors"

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """As for layers; raises InvalidContractOptions for a module that is on no floor."""
        remove_tests(graph)
        if homeless := sorted(set(graph.modules) - self._on_floors(graph)):
            raise InvalidContractOptions(
                {"layers": f"{', '.join(homeless)}: on no floor; name it in the floors in pyproject.toml"}
            )
        return super().check(graph, verbose)

    def _on_floors(self, graph: ImportGraph) -> set[str]:
        named = {tail.name for layer in cast("list[Layer]", self.layers) for tail in layer.module_tails}
        placed = {name.partition(".")[0] for name in named}
        for name in named & set(graph.modules):
            placed |= {name, *graph.find_descendants(name)}
            placed |= {door for door in _parents(name) if not graph.find_modules_directly_imported_by(door)}
        return placed


class NoCyclesContract(AcyclicSiblingsContract):
    """No modules or packages beside each other import each other in a circle, on the same floor neither."""

    type_name = "no_cycles"

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """As for acyclic siblings."""
        remove_tests(graph)
        return super().check(graph, verbose)


def remove_tests(graph: ImportGraph) -> None:
    """Take the unit tests and their fixtures out of a graph: they may import anything."""
    for module in sorted(graph.modules):
        name = module.rpartition(".")[2]
        if name.startswith("test_") or name == "conftest":
            graph.remove_module(module)


def _parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]
