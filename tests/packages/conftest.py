"""The kit's fixtures for tools."""

from beth_kit.tools.conftest import contexts as contexts
from beth_kit.tools.conftest import home as home
