"""The security reviewer: looks at what was built as somebody would who wants to abuse it."""
