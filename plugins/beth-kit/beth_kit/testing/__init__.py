"""What authors of agents test with: a transcript, a task, an assertion."""

from beth_kit.testing.play import Stage

__all__ = ["Stage"]
