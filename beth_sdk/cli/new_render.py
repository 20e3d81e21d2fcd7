"""Writes a new agent's package from the template, which cookiecutter fills in."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import beth_sdk
from beth_sdk.cli.new_answers import Answers
from beth_sdk.errors import ConfigurationError

NAME = "agent-cookiecutter"
_PACKAGE = Path(beth_sdk.__file__).parent


def template() -> Path:
    """The template's folder: as it is packaged, or where this runs from a clone, the clone's."""
    for folder in (_PACKAGE / "templates" / NAME, _PACKAGE.parent / "templates" / NAME):
        if (folder / "cookiecutter.json").is_file():
            return folder
    raise ConfigurationError(f"the template {NAME} is not where beth-sdk is installed: install beth-sdk anew")


def render(answers: Answers, output: Path) -> list[Path]:
    """Write the package into a new folder in `output`; returns its files, relative to that folder.

    Raises `ConfigurationError` where the folder exists already, cannot be made, or cookiecutter is not installed.
    """
    folder = output / answers.distribution
    if folder.exists() or folder.is_symlink():
        raise ConfigurationError(f"{folder} exists already: choose another name, or another folder with --output")
    try:
        from cookiecutter.exceptions import CookiecutterException  # type: ignore[import-untyped]
        from cookiecutter.generate import generate_context, generate_files  # type: ignore[import-untyped]
        from cookiecutter.prompt import prompt_for_config  # type: ignore[import-untyped]
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "cookiecutter":
            raise
        raise ConfigurationError("this needs cookiecutter: pip install cookiecutter") from None
    source = template()
    try:
        # Not cookiecutter's own command: it reads the user's defaults, and keeps the answers in the home directory.
        context = generate_context(str(source / "cookiecutter.json"), extra_context=answers.variables())
        context["cookiecutter"] = prompt_for_config(context, no_input=True)
        with _temporary_files_removed():
            generate_files(source, context, str(output))
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be written: {error.strerror or error}") from None
    except CookiecutterException as error:
        raise ConfigurationError(f"{folder} cannot be written: {error}") from error
    return sorted(one.relative_to(folder) for one in folder.rglob("*") if one.is_file())


@contextmanager
def _temporary_files_removed() -> Iterator[None]:
    """cookiecutter leaves the hooks that it has rendered behind."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="beth-new-") as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = before
