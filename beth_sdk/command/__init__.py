"""CommandAgent: a role played by any program, a script in any language or a coding CLI that somebody already has."""

from beth_sdk.command.agent import CommandAgent

__all__ = ["CommandAgent"]
