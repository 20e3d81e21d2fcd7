"""Packages from the registries themselves, for the tools of a role."""
