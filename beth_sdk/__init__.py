"""Beth's SDK: build an agent, and everything that keeps its tasks from being lost or done twice."""

__version__ = "0.1.0"
